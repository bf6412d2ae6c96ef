from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from gateway.core.resolution import Finding, LookUp
from gateway.net.lookups import FAILED, NO_NAME, NO_SUCH_NAME, NO_THREAD, TRY_AGAIN, LookUps, find
from tests.net.look_ups import WAIT_S, Zone, infos


def raising(error):
    def get(*_, **__):
        raise error

    return get


FOUND = [
    (infos("192.0.2.1"), ("192.0.2.1",)),
    (infos("2001:db8::1", "192.0.2.1"), ("2001:db8::1", "192.0.2.1")),
    (infos("192.0.2.1", "192.0.2.1"), ("192.0.2.1",)),
    ([*infos("192.0.2.1"), (socket.AF_UNIX, 1, 0, "", "/x")], ("192.0.2.1",)),
    (infos("fe80::1%eth0"), ("fe80::1%eth0",)),
]


@pytest.mark.parametrize(("answer", "addresses"), FOUND)
def test_what_was_found_is_in_the_systems_order_once_each(answer, addresses):
    assert find(lambda *_, **__: answer, "a") == Finding(LookUp.FOUND, addresses)


NOT_FOUND = [
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NO_SUCH_NAME),
    (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), NO_SUCH_NAME),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), TRY_AGAIN),
    (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), FAILED),
    (socket.gaierror(socket.EAI_SYSTEM, "System error"), FAILED),
    (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), FAILED),
    (TimeoutError("timed out"), FAILED),
    (OSError(24, "Too many open files"), FAILED),
    (UnicodeError("label too long"), NO_NAME),
    (ValueError("whatever"), FAILED),
]


@pytest.mark.parametrize(("error", "finding"), NOT_FOUND)
def test_an_error_is_a_finding_without_its_text(error, finding):
    assert find(raising(error), "a") == finding


def test_an_empty_answer_is_no_such_name():
    assert find(lambda *_, **__: [], "a") == NO_SUCH_NAME


def test_names_of_the_hosts_file_are_found():
    assert "127.0.0.1" in find(socket.getaddrinfo, "localhost").addresses


def test_a_label_that_is_too_long_is_no_name():
    assert find(socket.getaddrinfo, "a" * 64 + ".example") == NO_NAME


class Landings(dict):
    """The findings of look-ups by name, as they land."""

    def __init__(self, look_ups):
        super().__init__()
        self._look_ups = look_ups
        self._events = {}

    def run(self, *names, is_slow=False):
        for name in names:
            self._events[name] = asyncio.Event()
            self._look_ups.run(name, lambda finding, name=name: self._land(name, finding), is_slow=is_slow)

    def _land(self, name, finding):
        self[name] = finding
        self._events[name].set()

    async def of(self, name):
        async with asyncio.timeout(WAIT_S):
            await self._events[name].wait()
        return self[name]


async def test_look_ups_run_in_daemon_threads_beside_each_other():
    with Zone(a=["192.0.2.1"], b=["192.0.2.2"]) as zone:
        zone.hold("a")
        landings = Landings(LookUps(zone))
        landings.run("a", "b")
        assert (await landings.of("b")).addresses == ("192.0.2.2",)
        [thread] = [each for each in threading.enumerate() if each.name == "look-up of a"]
        assert thread.daemon
        assert "a" not in landings
        zone.let_go("a")
        assert (await landings.of("a")).addresses == ("192.0.2.1",)


async def test_no_more_run_at_once_than_the_most_and_all_land():
    names = [f"n{number}" for number in range(9)]
    with Zone(**{name: ["192.0.2.1"] for name in names}) as zone:
        for name in names:
            zone.hold(name)
        landings = Landings(LookUps(zone, most=3))
        landings.run(*names)
        await zone.until(lambda: zone.running == 3)
        for name in names:
            zone.let_go(name)
        for name in names:
            await landings.of(name)
        assert (zone.most_at_once, sorted(zone.asked)) == (3, names)


async def test_slow_names_get_half_of_the_threads():
    slow = [f"slow{number}" for number in range(9)]
    with Zone(quick=["192.0.2.1"]) as zone:
        for name in slow:
            zone.hold(name)
        landings = Landings(LookUps(zone, most=4))
        landings.run(*slow, is_slow=True)
        landings.run("quick")
        assert (await landings.of("quick")).addresses == ("192.0.2.1",)
        assert zone.running == 2
        for name in slow:
            zone.let_go(name)
        for name in slow:
            assert await landings.of(name) == NO_SUCH_NAME


async def test_where_no_thread_can_be_had_the_look_up_fails(monkeypatch):
    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    landings = Landings(LookUps(Zone()))
    landings.run("a")

    assert await landings.of("a") == NO_THREAD


def test_a_look_up_that_ends_after_its_loop_harms_nobody():
    release = threading.Event()

    async def begin():
        LookUps(lambda *_, **__: release.wait(WAIT_S) and []).run("late", lambda _: None, is_slow=False)

    asyncio.run(begin())
    [thread] = [each for each in threading.enumerate() if each.name == "look-up of late"]
    release.set()
    thread.join(WAIT_S)  # an exception in the thread would fail the test
    assert not thread.is_alive()
