"""WebSocket on the wire: the handshake, raw bytes both ways, and how a tunnel ends (RFC 6455)."""

import asyncio
from dataclasses import replace

import pytest

from gateway.core.http.frames import close_frame
from gateway.core.http.websocket import accept_of
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import Timeouts, TunnelSettings
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OFFER = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)
MASK = b"\x00\x00\x00\x00"


def handshake(target="/", *fields):
    return request("GET", target, *OFFER, *fields)


def switching(*fields, key=KEY):
    accept = accept_of(key.encode()).decode()
    lines = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}", *fields)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n" + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
    )


def text(payload, *, masked):
    head = bytes([0x81, (0x80 if masked else 0) | len(payload)])
    return head + (MASK if masked else b"") + payload


async def echo(exchange):
    """An upstream that sends back, unmasked, what it gets."""
    exchange.write(switching())
    while data := await exchange.some():
        if data[0] == 0x88:
            exchange.write(b"\x88" + bytes([data[1] & 0x7F]) + data[6:])
            break
        exchange.write(text(data[6:], masked=False))
    exchange.close()


def rig(script=echo, *, tunnel=None, route=None, **settings):
    def routes(rig):
        return [rig.route("/", tunnel=tunnel or TunnelSettings(), **(route or {}))]

    return Rig(script, routes=routes, **settings)


async def exactly(caller, count):
    async with asyncio.timeout(20.0):
        return await caller.reader.readexactly(count)


async def opened(at, *more):
    """A caller with a tunnel."""
    caller = await at.caller()
    await caller.send(handshake("/live", *more))
    answer = await caller.head()
    assert answer.line == b"HTTP/1.1 101 Switching Protocols"
    return caller, answer


async def test_frames_pass_both_ways_and_the_handshake_carries_the_token():
    async with rig() as at:
        caller, answer = await opened(at, "Sec-WebSocket-Protocol: chat")
        await caller.send(text(b"hello", masked=True))
        assert await exactly(caller, 7) == text(b"hello", masked=False)
        await caller.send(close_frame(1000, MASK))
        assert await exactly(caller, 4) == close_frame(1000)
        assert await caller.rest() == b""
        (asked,) = at.upstream.requests

    assert asked.token == "token_1"
    assert asked.head.value("Upgrade") == b"websocket"
    assert asked.head.value("Connection") == b"Upgrade"
    assert asked.head.value("Sec-WebSocket-Key") == KEY.encode()
    assert asked.head.value("Sec-WebSocket-Protocol") == b"chat"
    assert answer.value("Sec-WebSocket-Accept") == accept_of(KEY.encode())


async def test_what_comes_right_behind_the_handshake_passes():
    """Caddy lost it (caddy#6273)."""
    async with rig() as at:
        caller = await at.caller()
        await caller.send(handshake() + text(b"early", masked=True))
        await caller.head()
        assert await exactly(caller, 7) == text(b"early", masked=False)


async def test_what_comes_right_behind_the_answer_passes():
    async def eager(exchange):
        exchange.write(switching() + text(b"first", masked=False))
        await exchange.gone()

    async with rig(eager) as at:
        caller, _ = await opened(at)
        assert await exactly(caller, 7) == text(b"first", masked=False)


async def test_any_other_answer_is_relayed_and_the_connection_closes():
    """Nothing of what follows may be read as a request: a refused upgrade is no tunnel, and no connection."""
    async with rig(ok(b"no", status="403 Forbidden")) as at:
        caller = await at.caller()
        await caller.send(handshake() + request("GET", "/smuggled"))
        answer = await caller.answer()
        assert (answer.status, answer.body) == (403, b"no")
        assert await caller.rest() == b""

    assert [each.target for each in at.upstream.requests] == [b"/"]


BROKEN = {
    "another key": switching(key="AAAAAAAAAAAAAAAAAAAAAA=="),
    "another protocol": switching().replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no upgrade": switching().replace(b"Connection: Upgrade\r\n", b""),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_a_switch_that_does_not_fit_is_no_tunnel(answer):
    async with rig(answer) as at:
        caller = await at.caller()
        await caller.send(handshake())
        assert (await caller.answer()).status == 502
        assert len(at.gateway.tunnels.open) == 0
        assert at.gateway.tunnels._count == 0


async def test_a_route_may_take_no_websocket():
    async with rig(route={"websocket": False}) as at:
        assert (await at.ask(handshake())).status == 501


@pytest.mark.parametrize(
    "data",
    [
        request("POST", "/", *OFFER, body=b"abc"),
        request("GET", "/", *OFFER[:2], "Sec-WebSocket-Version: 13"),
        request("GET", "/", *OFFER[:3], "Sec-WebSocket-Version: 8"),
    ],
)
async def test_an_odd_handshake_is_malformed(data):
    async with rig() as at:
        assert (await at.ask(data)).status == 400
        assert at.upstream.requests == []


@pytest.mark.parametrize("version", [(), ("Sec-WebSocket-Version: 8",)])
async def test_a_caller_that_speaks_another_version_is_told_which_one_is_supported(version):
    """RFC 6455 section 4.4."""
    async with rig() as at:
        answer = await at.ask(request("GET", "/", *OFFER[:3], *version))
        odd = await at.ask(request("GET", "/", *OFFER[:2], "Sec-WebSocket-Version: 13"))

    assert (answer.status, answer.head.value("Sec-WebSocket-Version")) == (400, b"13")
    assert odd.head.value("Sec-WebSocket-Version") is None


@pytest.mark.time_lapse
async def test_a_refused_token_is_replaced_before_the_tunnel_begins():
    async def refuses_the_first(exchange):
        if exchange.token == "token_1":
            exchange.write(ok(status="401 Unauthorized"))
        else:
            await echo(exchange)

    async with rig(refuses_the_first) as at:
        caller, _ = await opened(at)
        await caller.send(text(b"hello", masked=True))
        assert await exactly(caller, 7) == text(b"hello", masked=False)

    assert at.upstream.tokens == ["token_1", "token_2"]


async def test_there_are_no_more_tunnels_than_allowed():
    async with rig(limits=Limits(tunnels=2, tunnels_per_caller=2)) as at:
        first, _ = await opened(at)
        await opened(at)
        assert (await at.ask(handshake())).status == 503
        await first.close()
        await gone(at, 1)
        await opened(at)


async def test_a_caller_has_no_more_than_its_share():
    async with rig(limits=Limits(tunnels_per_caller=1)) as at:
        await opened(at)
        assert (await at.ask(handshake())).status == 429


async def gone(at, left=0):
    """Wait until so many tunnels are left."""
    async with asyncio.timeout(10.0):
        while len(at.gateway.tunnels.open) > left:
            await asyncio.sleep(0.001)


async def test_a_caller_that_half_closes_still_gets_what_comes():
    async def answers_at_the_end(exchange):
        exchange.write(switching())
        while await exchange.some():
            pass
        exchange.write(text(b"late", masked=False))
        exchange.close()

    async with rig(answers_at_the_end) as at:
        caller, _ = await opened(at)
        await caller.send(text(b"hello", masked=True))
        caller.end_writing()
        assert await exactly(caller, 6) == text(b"late", masked=False)
        assert await caller.rest() == b""
        await gone(at)


async def silent(exchange):
    """An upstream that switches and says nothing more, nor closes."""
    exchange.write(switching())
    await exchange.gone()


@pytest.mark.parametrize(
    "tunnel",
    [TunnelSettings(idle_s=0.2), TunnelSettings(max_age_s=0.2)],
    ids=["idle", "age"],
)
async def test_a_tunnel_ends_with_a_close_in_its_time(tunnel):
    async with rig(silent, tunnel=replace(tunnel, close_timeout_s=0.2)) as at:
        caller, _ = await opened(at)
        assert await exactly(caller, 4) == close_frame(1001)
        assert await caller.rest() == b""  # nobody answered the Close
        await gone(at)


@pytest.mark.time_lapse
async def test_a_tunnel_ends_with_its_token():
    async with rig(
        silent, tunnel=TunnelSettings(ends_with_token=True, close_timeout_s=0.2), is_warm=False
    ) as at:
        at.authorization_server.grants.expires_in = 2.0
        caller, _ = await opened(at)
        assert await exactly(caller, 4) == close_frame(1001)


async def test_a_tunnel_that_moves_is_not_idle():
    async with rig(tunnel=TunnelSettings(idle_s=0.5)) as at:
        caller, _ = await opened(at)
        for _ in range(4):
            await asyncio.sleep(0.2)
            await caller.send(text(b"hello", masked=True))
            assert await exactly(caller, 7) == text(b"hello", masked=False)


async def test_at_the_end_of_the_process_each_side_gets_a_close_between_its_frames():
    started = asyncio.Event()

    async def in_the_middle(exchange):
        exchange.write(switching() + text(b"whole", masked=False) + b"\x81\x05ha")
        await started.wait()
        exchange.write(b"lf!" + text(b"never", masked=False))
        await exchange.some()
        exchange.close()

    async with rig(in_the_middle, grace_s=2.0) as at:
        caller, _ = await opened(at)
        assert await exactly(caller, 11) == text(b"whole", masked=False) + b"\x81\x05ha"
        closing = asyncio.create_task(at.gateway.close(2.0))
        (tunnel,) = at.gateway.tunnels.open
        while tunnel.tunnel.end is None:
            await asyncio.sleep(0.001)
        started.set()
        assert await exactly(caller, 3) == b"lf!"
        assert await exactly(caller, 4) == close_frame(1001)
        await caller.send(close_frame(1001, MASK))
        await closing


async def test_a_reload_keeps_tunnels_and_frees_the_configuration_before():
    async with rig() as at:
        caller, _ = await opened(at)
        await at.gateway.reload(replace(at.settings, grace_s=1.0))
        await caller.send(text(b"hello", masked=True))
        assert await exactly(caller, 7) == text(b"hello", masked=False)
        await at.gateway.reload(replace(at.settings, routes=(), grace_s=2.0))
        assert await exactly(caller, 4) == close_frame(1012)


async def test_whoever_does_not_read_stops_the_other_one():
    sent = 0

    async def floods(exchange):
        nonlocal sent
        exchange.write(switching())
        frame = b"\x82\x7e\xff\xff" + bytes(65535)
        for _ in range(400):
            await exchange.send(frame)
            sent += len(frame)

    async with rig(floods) as at:
        caller, _ = await opened(at)
        before = -1
        async with asyncio.timeout(20.0):
            while sent != before:  # until nothing moves any more
                before = sent
                await asyncio.sleep(0.1)
        assert sent < 20 * 1024 * 1024
        got = 0
        while got < 400 * 65539:
            got += len(await caller.reader.read(1 << 16))

    assert got == 400 * 65539


async def test_bytes_are_counted_while_they_pass():
    async with rig() as at:
        caller, _ = await opened(at)
        await caller.send(text(b"hello", masked=True))
        await exactly(caller, 7)
        (metrics,) = [each for name, each in at.gateway.metrics.routes.items() if name == "/"]

        assert (metrics.request_bytes, metrics.answer_bytes) == (11, 7)


async def test_an_event_stream_may_be_quiet_for_as_long_as_a_tunnel():
    async def feed(exchange):
        exchange.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(2):
            await asyncio.sleep(0.4)  # longer than the route's own patience
            exchange.write(b"8\r\ndata: a\n\r\n")
        exchange.write(b"0\r\n\r\n")

    timeouts = Timeouts(total_s=0.3, connect_s=20.0, response_s=20.0, idle_s=0.2)
    async with rig(feed, route={"timeouts": timeouts}) as at:
        answer = await at.get()

    assert answer.body == b"data: a\ndata: a\n"


async def test_a_tunnel_has_two_records_the_second_when_it_ends():
    async with rig() as at:
        caller, _ = await opened(at)
        await caller.send(text(b"hello", masked=True))
        await exactly(caller, 7)
        await caller.send(close_frame(1000, MASK))
        await caller.rest()
        await at.told.until(lambda: len(at.told.records) == 2)
        first, last = at.told.records

    assert (first.status, first.tunnel) == (101, "")
    assert (last.request_id, last.tunnel, last.close_code) == (first.request_id, last.tunnel, 1000)
    assert last.tunnel in {"caller", "upstream"}
    assert (last.request_bytes, last.answer_bytes) == (19, 11)


async def test_an_open_tunnel_is_shown_without_what_passes():
    async with rig() as at:
        caller, _ = await opened(at)
        await caller.send(text(b"hello", masked=True))
        await exactly(caller, 7)
        (state,) = [each.state() for each in at.gateway.tunnels.open]

    assert (state["route"], state["caller"], state["request_bytes"]) == ("/", "127.0.0.1", 11)
    assert "hello" not in str(state)


async def test_websocket_in_a_list_is_ignored_as_any_other_upgrade():
    async with rig(ok()) as at:
        caller = await at.caller()
        fields = ("Connection: Upgrade", "Upgrade: h2c, websocket")
        answer = await caller.ask(request("GET", "/", *fields))
        assert await caller.rest() == b""

    assert (answer.status, answer.head.value("Connection")) == (200, b"close")
    assert at.upstream.requests[0].head.value("Upgrade") is None
