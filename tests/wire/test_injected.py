"""What the gateway writes itself: Authorization, forwarded fields, Via, Host, the request id.

RFC 9110 sections 7.2, 7.6.3 and 11.6.2; threats "deciding by forwarded fields".
"""

from ipaddress import ip_network

import pytest

from gateway.core.settings.proxies import TrustedProxies
from gateway.core.settings.route_settings import CallerAuthorization
from tests.wire.exchanged import TRUSTED, head_after
from tests.wire.messages import request
from tests.wire.rig import Rig


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


@pytest.mark.parametrize(
    ("target", "fields", "client"),
    [
        ("/", ["X-Forwarded-For: 6.6.6.6, 203.0.113.7, 127.0.0.9"], "203.0.113.7"),
        ("/", ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 127.0.0.9"], "203.0.113.7"),
        ("/", ["X-Forwarded-For: unknown"], ""),
        ("/", ["X-Forwarded-For:"], ""),
        ("/", ["X_Forwarded_For: 203.0.113.7", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7"], ""),
        ("/", [], ""),
        ("/", ["Host: nowhere.test", "X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),  # a 404, told too
    ],
)
@pytest.mark.parametrize("settings", [{}, TRUSTED], ids=["untrusted", "trusted"])
async def test_the_record_has_the_client_that_a_trusted_proxy_tells(target, fields, client, settings):
    async with Rig(routes=lambda rig: [rig.route("/", host="gateway.test", name="/")], **settings) as rig:
        await rig.get(target, *fields)

        (record,) = rig.told.records
        assert (record.caller, record.forwarded_for) == ("127.0.0.1", client if settings else "")


async def test_only_the_networks_named_are_trusted():
    async with Rig(trusted_proxies=TrustedProxies((ip_network("10.0.0.0/8"), ip_network("::1/128")))) as rig:
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
