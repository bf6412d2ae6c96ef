"""Which header fields pass, which do not, and which the gateway writes. RFC 9110 sections 5, 7.6, 10.1."""

from ipaddress import ip_network

import pytest

from gateway.core.settings import CallerAuthorization, HeaderRules, ListenerSettings
from tests.wire.messages import chunked, ok, request
from tests.wire.rig import LOOPBACK, Rig

OURS = [
    b"host",
    b"x-request-id",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"via",
    b"authorization",
]
TRUSTED = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}


async def head_after(*fields, **members):
    """The head that the upstream got for a GET with these fields."""
    async with Rig(routes=lambda rig: [rig.route(**members)]) as rig:
        assert (await rig.ask(request("GET", "/", *fields))).status == 200
        return rig.upstream.requests[0].head


async def answer_after(raw, **members):
    async with Rig(raw, routes=lambda rig: [rig.route(**members)]) as rig:
        return await rig.get()


# ── what passes ───────────────────────────────────────────────────────────────────────────────────────


async def test_fields_pass_in_their_order_case_and_number():
    fields = ["x-lower: 1", "X-UPPER: 2", "Accept: a", "accept: b", "X-lower: 3", "Cookie: a=b", "X-Empty:"]
    head = await head_after(*fields)

    passed = [(name, value) for name, value in head.fields if name.lower() not in OURS]
    assert passed == [
        (b"x-lower", b"1"),
        (b"X-UPPER", b"2"),
        (b"Accept", b"a"),
        (b"accept", b"b"),
        (b"X-lower", b"3"),
        (b"Cookie", b"a=b"),
        (b"X-Empty", b""),
    ]


async def test_fields_of_an_answer_pass_in_their_order_case_and_number():
    lines = [
        "set-cookie: a=1",
        "Set-Cookie: b=2",
        "X-Foo: 1",
        'ETag: W/"x"',
        "x-foo: 2",
        "Server: old",
        "Via: 1.1 cdn",
    ]
    answer = await answer_after(ok(b"ok", *lines))

    passed = [(n, v) for n, v in answer.head.fields if n.lower() not in (b"content-length", b"date")]
    assert passed == [tuple(part.strip().encode() for part in line.split(":", 1)) for line in lines]


@pytest.mark.parametrize(
    "value", [b"caf\xe9", b"caf\xc3\xa9", b"\xff\xfe\x80", b"a\tb", b'"quoted, list"', b"a" * 8000]
)
async def test_a_value_passes_byte_for_byte_in_both_directions(value):
    async with Rig(ok().replace(b"\r\n\r\n", b"\r\nX-Back: " + value + b"\r\n\r\n")) as rig:
        answer = await rig.ask(request("GET", "/", b"X-Foo: " + value))

        assert rig.upstream.requests[0].head.value("X-Foo") == value
        assert answer.head.value("X-Back") == value


async def test_white_space_around_a_value_is_no_part_of_it():
    head = await head_after("X-Foo:  \t padded \t ")

    assert b"X-Foo: padded\r\n" in head.raw


async def test_nothing_is_added_but_what_the_design_names():
    head = await head_after()

    assert sorted(head.names) == sorted(OURS)


async def test_an_answer_gets_its_date_and_nothing_else():
    """RFC 9110 section 6.6.1: a Date that the upstream left out is added; its own stays."""
    assert (await answer_after(ok())).head.names.count(b"date") == 1
    assert (await answer_after(ok(b"", "Date: yesterday"))).head.value("Date") == b"yesterday"
    assert sorted((await answer_after(ok())).head.names) == [b"content-length", b"date"]


# ── what does not pass ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Upgrade",
        "HTTP2-Settings",
    ],
)
async def test_a_hop_by_hop_field_of_a_request_ends_here(name):
    head = await head_after(f"{name}: x-anything")

    assert name.lower().encode() not in head.names


async def test_the_expectation_of_a_request_without_a_body_ends_here():
    head = await head_after("Expect: 100-continue")

    assert b"expect" not in head.names


@pytest.mark.parametrize(
    "name", ["Connection", "Keep-Alive", "Proxy-Connection", "Trailer", "Upgrade", "TE", "Proxy-Authenticate"]
)
async def test_a_hop_by_hop_field_of_an_answer_ends_here(name):
    answer = await answer_after(ok(b"ok", f"{name}: x-anything"))

    assert answer.body == b"ok"
    assert name.lower().encode() not in answer.head.names


@pytest.mark.parametrize(
    "listed", ["X-Foo", "x-foo, close", "keep-alive ,  X-FOO", "X-Foo,,", ",X-Foo", "\tX-Foo\t"]
)
async def test_what_connection_names_never_passes(listed):
    head = await head_after("X-Foo: 1", f"Connection: {listed}", "x-foo: 2", "X-Bar: 3")

    assert b"x-foo" not in head.names
    assert head.value("X-Bar") == b"3"


async def test_what_a_second_connection_field_names_never_passes():
    head = await head_after("Connection: X-Foo", "X-Foo: 1", "X-Bar: 2", "connection: x-bar")

    assert not {b"x-foo", b"x-bar"} & set(head.names)


async def test_what_the_connection_field_of_an_answer_names_never_passes():
    answer = await answer_after(ok(b"ok", "X-Foo: 1", "Connection: x-foo", "X-Bar: 2"))

    assert b"x-foo" not in answer.head.names
    assert answer.head.value("X-Bar") == b"2"


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "host",
        "x-forwarded-for",
        "x-request-id",
        "via",
        "content-length",
        "transfer-encoding",
    ],
)
async def test_connection_cannot_remove_what_the_gateway_writes(name):
    """Apache CVE-2022-31813, Traefik CVE-2024-45410: the injected field was stripped after the injection."""
    async with Rig() as rig:
        answer = await rig.ask(request("POST", "/", f"Connection: {name}, close", body=b"abc"))
        head = rig.upstream.requests[0].head

        assert answer.status == 200
        assert head.value("Authorization") == b"Bearer token_1"
        assert head.value("X-Forwarded-For") == b"127.0.0.1"
        assert head.value("Content-Length") == b"3"
        assert rig.upstream.requests[0].content == b"abc"


async def test_connection_cannot_remove_what_a_rule_sets():
    rules = HeaderRules(set=(("X-Tenant", "acme"),))
    head = await head_after("Connection: X-Tenant", "X-Tenant: evil", request_headers=rules)

    assert head.value("X-Tenant") == b"acme"


@pytest.mark.parametrize(
    "name",
    ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-proto", "X_Forwarded_Host", "X_Request_ID", "X_Real_IP",
     "Content_Length", "Transfer_Encoding", "Proxy_Authorization", "X_Forwarded_Prefix"],
)  # fmt: skip
@pytest.mark.parametrize("settings", [{}, TRUSTED], ids=["untrusted", "trusted"])
async def test_the_underscore_twin_of_a_field_that_the_gateway_writes_is_dropped(name, settings):
    """oauth2-proxy CVE-2025-64484: CGI and WSGI read both as one name."""
    async with Rig(**settings) as rig:
        await rig.get("/", f"{name}: 6.6.6.6")

        assert b"6.6.6.6" not in rig.upstream.requests[0].head.raw


@pytest.mark.parametrize("name", ["X_My_Tenant", "X-My_Tenant", "x_my-tenant"])
async def test_the_underscore_twin_of_a_field_that_a_rule_sets_is_dropped(name):
    rules = HeaderRules(set=(("X-My-Tenant", "acme"),))
    head = await head_after(f"{name}: evil", request_headers=rules)

    assert b"evil" not in head.raw
    assert head.value("X-My-Tenant") == b"acme"


# ── Authorization ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["Authorization: Bearer mine"],
        ["authorization: Basic bWluZQ=="],
        ["Authorization: Bearer mine", "AUTHORIZATION: Bearer mine-too"],
        ["Authorization:"],
        ["Authorization: Bearer mine", "Connection: authorization"],
    ],
)
async def test_exactly_one_authorization_goes_out_and_never_the_callers(fields):
    head = await head_after(*fields)

    assert head.values("Authorization") == [b"Bearer token_1"]
    assert b"mine" not in head.raw


async def test_the_callers_authorization_is_kept_where_the_route_says_so():
    head = await head_after("authorization: Basic bWluZQ==", authorization=CallerAuthorization.KEEP)

    assert head.values("Authorization") == [b"Basic bWluZQ=="]


@pytest.mark.parametrize("fields", [[], ["Authorization: Bearer mine", "Connection: Authorization"]])
async def test_where_there_is_nothing_to_keep_the_token_goes_out(fields):
    head = await head_after(*fields, authorization=CallerAuthorization.KEEP)

    assert head.values("Authorization") == [b"Bearer token_1"]


@pytest.mark.parametrize("fields", [["Authorization: Bearer mine", "Authorization: Bearer other"]])
async def test_two_authorizations_are_never_kept_as_one(fields):
    """RFC 9110 section 5.3: the field is no list; joined or doubled, two servers read it differently."""
    async with Rig(routes=lambda rig: [rig.route(authorization=CallerAuthorization.KEEP)]) as rig:
        answer = await rig.get("/", *fields)

        assert answer.status == 400
        assert rig.upstream.saw_nothing


async def test_a_route_without_a_client_sends_no_authorization_of_the_caller():
    head = await head_after("Authorization: Bearer mine", has_token=False)

    assert head.value("Authorization") is None


# ── forwarded fields ──────────────────────────────────────────────────────────────────────────────────

CLAIMS = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Prefix: /evil",
    "X-Real-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
]


async def test_what_a_stranger_says_of_its_callers_is_replaced():
    head = await head_after("Host: crm.test:81", *CLAIMS)

    assert head.value("X-Forwarded-For") == b"127.0.0.1"
    assert head.value("X-Forwarded-Proto") == b"http"
    assert head.value("X-Forwarded-Host") == b"crm.test:81"
    assert b"6.6.6.6" not in head.raw
    assert b"evil" not in head.raw


async def test_what_a_trusted_proxy_says_of_its_callers_is_kept_and_appended_to():
    async with Rig(**TRUSTED) as rig:
        await rig.get("/", *CLAIMS, "X-Forwarded-For: 7.7.7.7")
        head = rig.upstream.requests[0].head

        assert head.value("X-Forwarded-For") == b"6.6.6.6, 7.7.7.7, 127.0.0.1"
        assert head.value("X-Forwarded-Proto") == b"https"
        assert head.value("X-Forwarded-Host") == b"evil.test"
        assert head.value("X-Forwarded-Prefix") == b"/evil"
        assert head.value("Forwarded") == b"for=6.6.6.6"


async def test_a_trusted_proxy_that_says_nothing_gets_what_a_stranger_gets():
    async with Rig(**TRUSTED) as rig:
        await rig.get("/", "Host: crm.test")
        head = rig.upstream.requests[0].head

        assert head.value("X-Forwarded-For") == b"127.0.0.1"
        assert head.value("X-Forwarded-Proto") == b"http"
        assert head.value("X-Forwarded-Host") == b"crm.test"


async def test_only_the_networks_named_are_trusted():
    async with Rig(trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1/128"))) as rig:
        await rig.get("/", *CLAIMS)

        assert rig.upstream.requests[0].head.value("X-Forwarded-For") == b"127.0.0.1"


async def test_via_is_added_behind_what_stands_there():
    head = await head_after("Via: 1.0 first", "via: 1.1 second")

    assert head.value("Via") == b"1.0 first, 1.1 second, 1.1 gateway"


# ── request id, host ──────────────────────────────────────────────────────────────────────────────────


async def test_a_request_id_is_passed_on_and_recorded():
    async with Rig() as rig:
        await rig.get("/", "x-request-id: abc-123")

        assert rig.upstream.requests[0].head.value("X-Request-ID") == b"abc-123"
        assert rig.told.records[0].request_id == "abc-123"


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "caf\xe9", "a\tb"])
async def test_a_request_id_that_could_forge_a_log_line_is_replaced(given):
    async with Rig() as rig:
        await rig.get("/", f"X-Request-ID: {given}")
        sent = rig.upstream.requests[0].head.value("X-Request-ID")

        assert sent
        assert sent != given.encode("latin-1")
        assert rig.told.records[0].request_id == sent.decode()


async def test_every_request_gets_an_id_of_its_own():
    async with Rig() as rig:
        caller = await rig.caller()
        for _ in range(5):
            await caller.ask(request("GET", "/"))

        assert len({each.head.value("X-Request-ID") for each in rig.upstream.requests}) == 5


async def test_host_is_the_upstreams():
    async with Rig() as rig:
        await rig.get("/", "Host: crm.test")

        assert rig.upstream.requests[0].head.value("Host") == b"127.0.0.1:%d" % rig.upstream.port


async def test_host_is_the_callers_where_the_route_preserves_it():
    head = await head_after("Host: CRM.test:81", preserves_host=True)

    assert head.value("Host") == b"CRM.test:81"


async def test_host_stands_first():
    """RFC 9110 section 7.2: good practice, so that servers can route while they read."""
    head = await head_after("X-Foo: 1")

    assert head.names[0] == b"host"


# ── header rules ──────────────────────────────────────────────────────────────────────────────────────

RULES = HeaderRules(
    set=(("X-Tenant", "acme"), ("Accept", "application/json")),
    add=(("X-Tag", "gateway"), ("X-Tag", "two")),
    remove=("Cookie", "X-Secret"),
)


async def test_request_rules_remove_set_and_add():
    fields = [
        "x-tenant: evil",
        "accept: a",
        "Accept: b",
        "X-Tag: caller",
        "cookie: a=b",
        "X-SECRET: 1",
        "X-Foo: 1",
    ]
    head = await head_after(*fields, request_headers=RULES)

    assert head.values("X-Tenant") == [b"acme"]
    assert head.values("Accept") == [b"application/json"]
    assert head.values("X-Tag") == [b"caller", b"gateway", b"two"]
    assert not {b"cookie", b"x-secret"} & set(head.names)
    assert head.value("X-Foo") == b"1"


async def test_answer_rules_remove_set_and_add():
    raw = ok(
        b"ok", "X-Tenant: other", "accept: a", "Accept: b", "X-Tag: upstream", "Cookie: a", "x-secret: 1"
    )
    answer = await answer_after(raw, response_headers=RULES)

    assert answer.head.values("X-Tenant") == [b"acme"]
    assert answer.head.values("Accept") == [b"application/json"]
    assert answer.head.values("X-Tag") == [b"upstream", b"gateway", b"two"]
    assert not {b"cookie", b"x-secret"} & set(answer.head.names)


async def test_answer_rules_also_hold_for_what_a_rule_sets_beside_date():
    rules = HeaderRules(set=(("Date", "never"), ("Server", "gateway")))
    answer = await answer_after(ok(b"ok", "Server: old"), response_headers=rules)

    assert answer.head.values("Date") == [b"never"]
    assert answer.head.values("Server") == [b"gateway"]


@pytest.mark.time_lapse
async def test_request_rules_hold_in_a_replay_too():
    async with Rig(routes=lambda rig: [rig.route(request_headers=RULES)]) as rig:
        rig.upstream.demand("token_2")
        answer = await rig.get("/", "X-Secret: 1", "X-Tag: caller", "X-Request-ID: one")
        first, second = (each.head.fields for each in rig.upstream.requests)

        assert answer.status == 200
        assert [f for f in first if f[0] != b"Authorization"] == [
            f for f in second if f[0] != b"Authorization"
        ]


# ── more than one listener, trailers' permission ──────────────────────────────────────────────────────


async def test_every_listener_serves():
    listeners = (ListenerSettings(LOOPBACK), ListenerSettings(LOOPBACK))
    async with Rig(listeners=listeners) as rig:
        for address in rig.gateway.addresses:
            rig.address = address
            assert (await rig.get()).status == 200

        assert len(set(rig.gateway.addresses)) == 2


async def test_te_goes_to_the_upstream_only_as_trailers():
    async with Rig() as rig:
        await rig.get("/", "TE: gzip;q=1, trailers", "Connection: TE")
        await rig.get("/", "TE: gzip", "Connection: TE")
        first, second = (each.head for each in rig.upstream.requests)

        assert (first.value("TE"), first.value("Connection")) == (b"trailers", b"TE")
        assert second.value("TE") is None
        assert second.value("Connection") is None


async def test_an_option_of_max_forwards_zero_is_not_forwarded():
    """RFC 9110 section 7.6.2: an intermediary that gets OPTIONS with 0 answers itself, else it counts down."""
    async with Rig() as rig:
        await rig.ask(request("OPTIONS", "/", "Max-Forwards: 0"))
        assert rig.upstream.saw_nothing

        await rig.ask(request("OPTIONS", "/", "Max-Forwards: 5"))
        assert rig.upstream.requests[0].head.value("Max-Forwards") == b"4"

        await rig.ask(request("GET", "/", "Max-Forwards: 0"))
        assert rig.upstream.requests[1].head.value("Max-Forwards") == b"0"


async def test_fields_of_one_request_are_not_those_of_the_next():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(
            request("GET", "/1", "X-One: 1", "Connection: X-Drop", "X-Drop: 1")
            + request(
                "POST", "/2", "X-Two: 2", "X-Drop: 2", "Transfer-Encoding: chunked", body=chunked(b"abc")
            )
        )
        await caller.answer()
        await caller.answer()
        first, second = (each.head for each in rig.upstream.requests)

        assert (first.value("X-One"), first.value("X-Drop")) == (b"1", None)
        assert (second.value("X-One"), second.value("X-Drop")) == (None, b"2")
