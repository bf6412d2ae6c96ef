"""Which header fields pass and which do not, in both directions. RFC 9110 sections 5 and 7.6."""

import pytest

from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.route_settings import HeaderRules
from tests.wire.exchanged import OURS, TRUSTED, answer_after, head_after
from tests.wire.messages import chunked, ok, request
from tests.wire.rig import LOOPBACK, Rig


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


@pytest.mark.parametrize(
    "name",
    ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-proto", "X_Forwarded_Host", "X_Request_ID", "X_Real_IP",
     "Content_Length", "Transfer_Encoding", "Proxy_Authorization", "X_Forwarded_Prefix", "X.Forwarded.For",
     "X!Forwarded~Host", "Transfer.Encoding", "Max_Forwards", "X_HTTP_Method_Override", "X.Original.URL"],
)  # fmt: skip
@pytest.mark.parametrize("settings", [{}, TRUSTED], ids=["untrusted", "trusted"])
async def test_the_underscore_twin_of_a_field_that_the_gateway_writes_is_dropped(name, settings):
    """oauth2-proxy CVE-2025-64484: CGI and WSGI read both as one name."""
    async with Rig(**settings) as rig:
        await rig.get("/", f"{name}: 6.6.6.6")

        assert b"6.6.6.6" not in rig.upstream.requests[0].head.raw


OVERRIDING = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL", "Proxy",
              "X-Original-URI", "X-Original-Host", "X-Host", "Script-Name"]  # fmt: skip


@pytest.mark.parametrize("name", OVERRIDING)
async def test_a_field_that_overrides_what_was_matched_passes_only_where_it_is_allowed(name):
    def routes(rig):
        return [
            rig.route("/"),
            rig.route("/open", has_token=False),
            rig.route("/allowed", request_headers=HeaderRules(allow=(name,))),
        ]

    async with Rig(routes=routes) as rig:
        for path in ("/", "/open", "/allowed"):
            assert (await rig.get(path, f"{name.lower()}: /6.6.6.6", "X-Foo: bar")).status == 200
        heads = [each.head for each in rig.upstream.requests]

        assert [head.value("X-Foo") for head in heads] == [b"bar"] * 3
        assert [b"6.6.6.6" in head.raw for head in heads] == [False, False, True]
        assert heads[2].value(name) == b"/6.6.6.6"


@pytest.mark.parametrize("twin", ["X-Secret", "x_secret", "X.Secret"])
async def test_what_a_rule_removes_from_answers_is_removed_however_it_is_spelt_trailers_included(twin):
    def routes(rig):
        return [rig.route("/", response_headers=HeaderRules(remove=("X-Secret",)))]

    fields = f"{twin}: hidden\r\nX-Kept: 1\r\n".encode()
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%b\r\n%b" % (
        fields,
        chunked(b"a", trailers=fields),
    )
    async with Rig(raw, routes=routes) as rig:
        answer = await rig.ask(request("GET", "/", "TE: trailers", "Connection: TE"))

        assert answer.head.value("X-Kept") == b"1"
        assert answer.trailers == [(b"X-Kept", b"1")]
        assert b"hidden" not in answer.head.raw


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
