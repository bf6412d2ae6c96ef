"""A fault in our own callbacks is ours: in the answer, in the record, in the metrics. Nobody else suffers."""

from __future__ import annotations

import asyncio

import pytest

from gateway.config import load
from gateway.core.settings.route_settings import Timeouts
from gateway.observe.sweeper import STALE_S
from gateway.proxy.body import RequestBody
from gateway.proxy.caller import CallerConnection
from gateway.proxy.outgoing.answer_reader import AnswerReader
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.server import running
from tests.processes import write_configuration
from tests.wire.caller import RawCaller
from tests.wire.messages import ok, request
from tests.wire.moods import hangs_after
from tests.wire.rig import LOOPBACK, QUICK, Rig

SECRET = "access_token_1"


def raising(*_, **__):
    raise TypeError(SECRET)


PLACES = [
    pytest.param(AnswerReader, "feed", marks=pytest.mark.interpreted),
    (AnswerReader, "on_header"),
    (AnswerReader, "on_headers_complete"),
    (AnswerReader, "on_body"),
    (AnswerReader, "on_message_complete"),
    pytest.param(UpstreamConnection, "feed", marks=pytest.mark.interpreted),
    pytest.param(UpstreamConnection, "_end", marks=pytest.mark.interpreted),
]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


async def end_of(caller):
    try:
        return "closed" if await caller.reader.read() == b"" else "more"
    except ConnectionResetError:
        return "reset"


def faults_of(rig):
    """Taken from the rig, which fails a test that leaves any."""
    taken, rig.faults = rig.faults, []
    rig._loop.set_exception_handler(lambda _, context: rig.faults.append(context))
    return [type(context["exception"]) for context in taken]


@pytest.mark.parametrize(("kind", "name"), PLACES)
async def test_a_fault_in_a_callback_of_an_upstream_connection_is_ours(monkeypatch, kind, name):
    async def answer(exchange):
        if name == "_end":
            exchange.close()
        else:
            exchange.write(CHUNKED)

    async with Rig(answer, routes=lambda rig: [rig.route(has_token=False)], admin=LOOPBACK) as rig:
        monkeypatch.setattr(kind, name, raising)
        answered = await rig.get()
        monkeypatch.undo()
        rig.upstream.script = ok(b"ok")
        again = await rig.get()
        metrics = rig.gateway.metrics.render().decode()
        faults = faults_of(rig)

    assert (answered.status, answered.code) == (500, "internal_error")
    assert [record.error for record in rig.told.records] == ["internal_error", ""]
    assert 'side="gateway",type="internal_error"} 1.0' in metrics
    assert 'side="upstream"' not in metrics
    assert faults == [TypeError]
    assert again.status == 200


async def test_a_fault_while_a_body_is_passed_on_is_ours(monkeypatch):
    async with Rig(hangs_after(), routes=lambda rig: [rig.route(has_token=False)]) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 9") + b"one")
        await rig.upstream.until(lambda: rig.upstream.requests)
        while not rig.gateway.doors.listeners()[0].connections[0]._pass_on:
            await asyncio.sleep(0.001)
        monkeypatch.setattr(RequestBody, "note", raising)
        answered = await caller.ask(b"two")
        faults = faults_of(rig)

    assert (answered.status, answered.code) == (500, "internal_error")
    assert faults == [TypeError]


async def test_one_connections_fault_in_a_sweep_keeps_no_time_out_of_the_others(monkeypatch):
    """The callers' sweeper: the first of two idle connections is broken; the second is closed in time."""
    check = CallerConnection.check_deadlines
    async with Rig(routes=lambda rig: [rig.route(has_token=False)], limits=QUICK) as rig:
        broken, idle = await rig.caller(), await rig.caller()
        assert (await broken.ask(request("GET", "/"))).status == 200
        assert (await idle.ask(request("GET", "/"))).status == 200
        victim = next(iter(rig.gateway.doors.listeners()[0]._connections))

        def checked(connection, now_s):
            raising() if connection is victim else check(connection, now_s)

        monkeypatch.setattr(CallerConnection, "check_deadlines", checked)
        async with asyncio.timeout(10):
            ends = [await end_of(caller) for caller in (broken, idle)]
        assert set(faults_of(rig)) == {TypeError}

    assert sorted(ends) == ["closed", "reset"]


@pytest.mark.interpreted
async def test_an_upstream_connections_fault_in_a_sweep_keeps_no_time_out_of_the_others(monkeypatch):
    async def silence(exchange):
        await asyncio.Event().wait()

    check = UpstreamConnection.check_deadline
    victims = []

    def checked(connection, now_s):
        if not victims:
            victims.append(connection)
        raising() if connection is victims[0] else check(connection, now_s)

    def routes(rig):
        return [rig.route(has_token=False, timeouts=Timeouts(response_s=0.3))]

    monkeypatch.setattr(UpstreamConnection, "check_deadline", checked)
    async with Rig(silence, routes=routes) as rig:
        answers = await asyncio.gather(rig.get(), rig.get())
        assert set(faults_of(rig)) == {TypeError}

    assert sorted(answer.code for answer in answers) == ["internal_error", "upstream_timeout"]


@pytest.mark.time_lapse
async def test_health_fails_when_deadlines_are_looked_at_no_more():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)], admin=LOOPBACK) as rig:

        async def health():
            caller = await RawCaller.connect(rig.gateway.admin_address)
            answer = await caller.ask(request("GET", "/healthz", "Host: localhost", "Connection: close"))
            await caller.close()
            return answer

        caller = await rig.caller()
        await caller.ask(request("GET", "/"))
        well = await health()
        rig.gateway._sweeper._timer.cancel()
        await asyncio.sleep(2 * STALE_S)
        ill = await health()

    assert (well.status, ill.status) == (200, 503)
    assert all(f'"{which}"'.encode() in ill.body for which in ("upstreams", "callers"))


@pytest.mark.interpreted
async def test_what_a_quiet_upstream_connection_fails_with_is_counted_apart(monkeypatch):
    """Nobody's request: the kept connection closes, and no request is told of it."""
    async with Rig(ok(b"ok"), routes=lambda rig: [rig.route(has_token=False)]) as rig:
        await rig.get()
        monkeypatch.setattr(AnswerReader, "end_of_input", raising)
        pool = rig.gateway.generation.routes[0].pool
        (connection,) = pool._all
        rig.upstream.requests[0].close()
        while pool._all:
            await asyncio.sleep(0.01)
        taken = list(rig.faults)
        assert faults_of(rig) == [TypeError]

    assert [context["gateway_is_counted"] for context in taken] == [False]
    assert connection.is_gone


async def test_what_the_loop_meets_is_counted_while_the_process_serves(tmp_path, caplog):
    settings = load(
        write_configuration(tmp_path, {"routes": [{"path": "/", "upstream": "http://127.0.0.1:9"}]}), {}
    )
    loop = asyncio.get_running_loop()
    async with running(settings) as gateway:
        loop.call_soon(raising)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        metrics = gateway.metrics.render().decode()
    loop.set_exception_handler(None)

    assert 'gateway_errors_total{route="-",side="gateway",type="internal_error"} 1.0' in metrics
    assert "wire/test_faults_of_ours.py:" in caplog.text
    assert all(SECRET not in message for message in caplog.messages)
