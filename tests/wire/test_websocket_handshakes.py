"""Handshakes of WebSocket as browsers send them, tenants, and those who mean no good (RFC 6455 section 4)."""

import asyncio

import pytest

from gateway.core.http.frames import close_frame
from gateway.core.settings.balance_settings import Balance, BalanceSettings, EjectSettings
from gateway.core.settings.route_settings import TunnelSettings
from gateway.proxy.tunnel import TunnelEnd
from tests.wire.groups import grouped
from tests.wire.messages import chunked, ok, request
from tests.wire.refusal import NEXT
from tests.wire.test_tunnels import (
    KEY,
    OFFER,
    echo,
    exactly,
    gone,
    handshake,
    opened,
    rig,
    silent,
    switching,
    text,
)

HELLO, HELLO_BACK = text(b"hello", masked=True), text(b"hello", masked=False)
EXTENSIONS = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
HERE = "Host: localhost:8080"
BROWSER = (
    HERE,
    "Cookie: session=1; theme=dark",
    "Origin: http://localhost:3000",
    "Sec-Fetch-Site: same-site",
    "Sec-WebSocket-Protocol: graphql-transport-ws, graphql-ws",
    f"Sec-WebSocket-Extensions: {EXTENSIONS}",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
)


async def echoes(caller):
    await caller.send(HELLO)
    assert await exactly(caller, len(HELLO_BACK)) == HELLO_BACK


async def no_more_than(at, count):
    """Wait until no more places are taken."""
    async with asyncio.timeout(10.0):
        while at.gateway.tunnels._count > count:
            await asyncio.sleep(0.001)


# ── browsers ──────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_browser_and_its_server_agree_on_passes_both_ways():
    """Subprotocol and extensions are theirs: who strikes one out or adds one breaks what follows."""
    agreed = (
        "Sec-WebSocket-Protocol: graphql-ws",
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
        "Set-Cookie: session=2; HttpOnly",
        "Set-Cookie: seen=1",
    )

    async def agrees(exchange):
        exchange.write(switching(*agreed))
        await exchange.gone()

    async with rig(agrees, route={"refuses_foreign_pages": True}) as at:
        _, answer = await opened(at, *BROWSER)
        (asked,) = at.upstream.requests

    for field in BROWSER[1:]:
        name, _, value = field.partition(": ")
        assert asked.head.value(name) == value.encode(), name
    assert answer.value("Sec-WebSocket-Protocol") == b"graphql-ws"
    assert answer.value("Sec-WebSocket-Extensions") == b"permessage-deflate; server_no_context_takeover"
    assert answer.values("Set-Cookie") == [b"session=2; HttpOnly", b"seen=1"]


@pytest.mark.parametrize(
    "field", ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"]
)
async def test_a_page_of_another_site_gets_no_tunnel(field):
    """Scripts may open WebSocket to anywhere and read what comes: nothing like CORS keeps them from it."""
    async with rig(route={"refuses_foreign_pages": True}) as at:
        answer = await at.ask(handshake("/", HERE, field))
        assert (answer.status, answer.code) == (403, "foreign_page")
        assert at.upstream.saw_nothing
        assert at.gateway.tunnels._count == 0


# ── odd ones ──────────────────────────────────────────────────────────────────────────────────────


def offer(**changed):
    fields = dict(each.split(": ", 1) for each in OFFER)
    fields |= {name.replace("_", "-"): value for name, value in changed.items()}
    return request("GET", "/", *(f"{name}: {value}" for name, value in fields.items()))


ODD = {
    "a short key": offer(Sec_WebSocket_Key="c2hvcnQ="),
    "a long key": offer(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZSBsb25n"),
    "a key that is no base64": offer(Sec_WebSocket_Key="!" * 24),
    "an empty key": offer(Sec_WebSocket_Key=""),
    "two keys in one": offer(Sec_WebSocket_Key=f"{KEY}, {KEY}"),
    "two keys": request("GET", "/", *OFFER, f"Sec-WebSocket-Key: {KEY}"),
    "two versions": request("GET", "/", *OFFER, "Sec-WebSocket-Version: 13"),
    "a list of versions": offer(Sec_WebSocket_Version="13, 8"),
    "HEAD": request("HEAD", "/", *OFFER),
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
async def test_an_odd_handshake_goes_nowhere_and_what_follows_it_is_not_read(data):
    async with rig() as at:
        caller = await at.caller()
        await caller.send(data + NEXT)
        assert (await caller.rest()).startswith(b"HTTP/1.1 400 ")
        assert at.upstream.saw_nothing
        assert at.gateway.tunnels._count == 0


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_handshake_with_a_body_goes_nowhere_and_its_body_is_no_request(framing):
    field, body = (
        (f"Content-Length: {len(NEXT)}", NEXT)
        if framing == "length"
        else ("Transfer-Encoding: chunked", chunked(NEXT))
    )
    async with rig() as at:
        caller = await at.caller()
        await caller.send(handshake("/", field) + body)
        answer = await caller.answer()
        assert (answer.status, answer.closes) == (400, True)
        assert await caller.rest() == b""
        assert at.upstream.saw_nothing


async def test_an_offer_in_http_1_0_is_a_request_as_any_other():
    async with rig(ok(b"plain")) as at:
        caller = await at.caller()
        await caller.send(handshake().replace(b"HTTP/1.1", b"HTTP/1.0", 1) + HELLO)
        answer = await caller.answer()
        assert (answer.status, answer.body) == (200, b"plain")
        assert await caller.rest() == b""

    (asked,) = at.upstream.requests
    assert asked.head.value("Upgrade") is None


async def test_a_101_that_nobody_asked_for_is_no_answer():
    async with rig(switching()) as at:
        answer = await at.get()
        assert answer.status == 502
        assert at.gateway.tunnels._count == 0


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.time_lapse
async def test_a_handshake_that_is_refused_again_is_refused_and_gives_its_place_back():
    async with rig(ok(b"no", status="401 Unauthorized")) as at:
        caller = await at.caller()
        await caller.send(handshake() + HELLO)
        answer = await caller.answer()
        assert (answer.status, answer.body) == (401, b"no")
        assert await caller.rest() == b""
        await no_more_than(at, 0)

    assert at.upstream.tokens == ["token_1", "token_2"]


@pytest.mark.time_lapse
async def test_a_tunnel_ends_with_the_token_that_opened_it_though_there_is_a_newer_one():
    """The early refresh renews what the next handshake gets, not what this one showed."""
    settings = TunnelSettings(ends_with_token=True, close_timeout_s=0.2)
    async with rig(silent, tunnel=settings, is_warm=False) as at:
        at.authorization_server.grants.expires_in = 10.0
        first, _ = await opened(at)
        at.authorization_server.grants.expires_in = 3600.0
        await at.told.until(lambda: len(at.told.obtained) == 2)
        second, _ = await opened(at)
        assert len(at.gateway.tunnels.open) == 2  # the first token is still good
        assert await exactly(first, 4) == close_frame(1001)
        ended_at_s = asyncio.get_running_loop().time()
        await gone(at, 1)
        await at.told.until(lambda: any(each.tunnel for each in at.told.records))
        (last,) = [each.tunnel for each in at.told.records if each.tunnel]
        second.leave()
        await gone(at)

    assert at.upstream.tokens == ["token_1", "token_2"]
    assert last == TunnelEnd.TOKEN_EXPIRED.value
    assert 0.0 <= ended_at_s - at.told.obtained[0].expires_at_s < 10.0


@pytest.mark.time_lapse
async def test_a_tunnel_lasts_as_long_as_the_token_of_its_recovered_handshake():
    async def refuses_the_first(exchange):
        if exchange.token == "token_1":
            exchange.write(ok(status="401 Unauthorized"))
        else:
            await silent(exchange)

    settings = TunnelSettings(ends_with_token=True, close_timeout_s=0.2)
    async with rig(refuses_the_first, tunnel=settings) as at:
        at.authorization_server.grants.expires_in = 10.0
        caller, _ = await opened(at)
        assert await exactly(caller, 4) == close_frame(1001)
        ended_at_s = asyncio.get_running_loop().time()

    assert at.upstream.tokens == ["token_1", "token_2"]
    assert 0.0 <= ended_at_s - at.told.obtained[1].expires_at_s < 10.0


# ── groups ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_open_tunnel_takes_no_place_among_the_requests_of_a_group():
    """A place that a tunnel held for days would be one less for requests."""
    async with grouped(1, echo, group={"max_requests": 1}) as (at, backends):
        caller, _ = await opened(at)
        backends[0].script = ok(b"served")
        assert (await at.get("/plain")).body == b"served"
        await echoes(caller)


async def resets(exchange):
    exchange.reset()


@pytest.mark.parametrize("sick", [ok(b"no", status="503 Service Unavailable"), resets], ids=["503", "reset"])
async def test_a_handshake_that_failed_opens_its_tunnel_at_another_address(sick):
    """With what the caller sent behind it: that went to nobody before."""
    in_turn = {"eject": None, "balance": BalanceSettings(Balance.ROUND_ROBIN)}
    async with grouped(2, echo, group=in_turn) as (at, backends):
        backends[0].script = sick
        for _ in range(2):  # one of them begins at the sick one
            caller = await at.caller()
            await caller.send(handshake("/live") + HELLO)
            assert (await caller.head()).line.startswith(b"HTTP/1.1 101 ")
            assert await exactly(caller, len(HELLO_BACK)) == HELLO_BACK
        assert backends.counts == [1, 2]


async def test_a_tunnel_that_breaks_is_no_failure_of_its_address():
    """It worked for as long as it lasted; an address is judged by its responses."""

    async def breaks(exchange):
        exchange.write(switching() + HELLO_BACK[:3])
        await exchange.some()
        exchange.reset()

    async with grouped(2, breaks, group={"eject": EjectSettings(after=1)}) as (at, backends):
        for _ in range(4):
            caller, _ = await opened(at)
            await caller.send(HELLO)
            assert await caller.rest() == HELLO_BACK[:3]
            await gone(at)
        (group,) = at.gateway.generation.groups.values()
        assert sum(each.ejections for each in group.targets) == 0
        backends[0].script = backends[1].script = resets
        assert (await at.ask(handshake())).status == 502
        assert sum(each.ejections for each in group.targets) == 1
