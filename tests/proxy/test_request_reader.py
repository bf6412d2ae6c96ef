"""How reads become requests: what is done with each read, one at a time. The rest is tested on the wire."""

import asyncio

import pytest

from gateway.core.clock import Clock
from gateway.core.http.entrance import Entrance
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.proxies import TrustedProxies
from gateway.proxy.caller import Terms
from gateway.proxy.census import Census
from gateway.proxy.front import FrontTerms, Turn
from gateway.proxy.listener import Listener
from gateway.proxy.request_reader import MOST_QUEUED
from gateway.request_ids import RequestIds
from tests.wire.messages import chunked, request

ENTRANCE = Entrance.of(ListenerSettings(Address("127.0.0.1", 0)), TrustedProxies())
SMALL = request("GET", "/")


class Transport(asyncio.Transport):
    """Says whether it reads; a naive fake would not know that a paused one brings nothing."""

    def __init__(self):
        super().__init__({"peername": ("192.0.2.1", 5000)})
        self.reads = True

    def pause_reading(self):
        self.reads = False

    def resume_reading(self):
        self.reads = True

    def is_closing(self):
        return False


@pytest.fixture
async def connection():
    """A connection whose task takes nothing: it is not started."""
    clock = Clock(*[lambda: 0.0] * 4)
    turn = Turn(asyncio.get_running_loop(), lambda: None)
    front = FrontTerms(turn, HeadReader(Limits()), RequestIds(), 0.0)
    front.is_open = False
    listener = Listener(Terms(Limits(), clock, lambda: b"", None, front, Census(1)), ENTRANCE)
    made = listener()
    made.transport = Transport()
    return made


def queued(connection):
    return [message.path for message, _ in connection._messages]


def take(connection):
    """What the request loop does: take one, and go on reading."""
    message, payload = connection._messages.popleft()
    if connection._rest_bytes or connection._buffer_paused:
        connection._go_on_reading()
    return message.path, payload


async def test_one_request_in_one_read_leaves_nothing_to_look_for(connection):
    connection.data_received(SMALL)

    assert (queued(connection), connection._rest_bytes, connection.transport.reads) == (["/"], 0, True)


@pytest.mark.parametrize("size", [10, 40_000, 200_000])
async def test_a_body_that_came_in_one_read_is_here(connection, size):
    """However much it exceeds what may wait: it can go out in one write, and the connection serves another."""
    connection.data_received(request("POST", "/", body=b"x" * size))
    _, payload = connection._messages[0]

    assert payload.is_eof()
    assert connection._rest_bytes == 0
    assert payload.read_nowait() == b"x" * size


async def test_of_many_requests_in_one_read_one_is_read(connection):
    data = b"".join(request("GET", f"/{number}") for number in range(1000))
    connection.data_received(data)
    waiting = connection._rest_bytes

    assert queued(connection) == ["/0"]
    assert len(data) - 100 < waiting < len(data)
    assert [take(connection)[0] for _ in range(1000)] == [f"/{number}" for number in range(1000)]
    assert (queued(connection), connection._rest_bytes, connection.transport.reads) == ([], 0, True)


@pytest.mark.parametrize("cut", range(1, len(SMALL) + 1))
async def test_requests_are_found_wherever_the_reads_are_cut(connection, cut):
    """The line ends behind a head may stand in two reads: what follows them must not wait for a third."""
    data = b"".join(request("GET", f"/{number}") for number in range(4))
    for start in range(0, len(data), cut):
        connection.data_received(data[start : start + cut])
        if not connection.transport.reads:
            break
    found = []
    while connection._messages:
        found.append(take(connection)[0])
    rest = data[start + cut :]
    while rest:
        assert connection.transport.reads
        connection.data_received(rest[:cut])
        rest = rest[cut:]
        while connection._messages:
            found.append(take(connection)[0])

    assert found == ["/0", "/1", "/2", "/3"]


async def test_reading_stops_when_enough_waits_and_goes_on_when_it_was_taken(connection):
    """Not earlier: a connection that does not read does not learn that its caller has left."""
    for number in range(MOST_QUEUED):
        assert connection.transport.reads
        connection.data_received(request("GET", f"/{number}"))

    assert not connection.transport.reads
    assert take(connection)[0] == "/0"
    assert connection.transport.reads


async def test_reading_stops_at_the_second_read_of_many_requests(connection):
    data = SMALL * 100
    connection.data_received(data)
    assert connection.transport.reads
    connection.data_received(data)

    assert not connection.transport.reads
    for _ in range(200):
        take(connection)
    assert connection.transport.reads
    assert not connection._messages


@pytest.mark.parametrize("behind", [SMALL, SMALL[:-1], SMALL[:20], b"NONSENSE\r\n\r\n"])
async def test_what_stands_behind_a_chunked_body_in_the_same_read_ends_the_connection(connection, behind):
    connection.data_received(request("POST", "/", "Transfer-Encoding: chunked") + chunked(b"abc") + behind)
    take(connection)

    assert connection.is_ending
    assert not connection._messages


async def test_behind_a_chunked_body_in_a_read_of_its_own_the_next_is_served(connection):
    for number in range(3):
        connection.data_received(
            request("POST", f"/{number}", "Transfer-Encoding: chunked")
            + chunked(b"abc", trailers=b"X: 1\r\n")
        )
        assert take(connection)[0] == f"/{number}"

    assert not connection.is_ending


async def test_crumbs_that_nobody_reads_are_bounded_in_number(connection):
    connection.data_received(request("POST", "/", "Transfer-Encoding: chunked") + b"2\r\nab\r\n" * 30_000)
    _, payload = connection._messages[0]

    assert not connection.transport.reads
    assert len(payload._buffer) <= 1100
    assert not connection.is_ending, "crumbs are no flood of chunk headers"


# ── a body that is passed on ──────────────────────────────────────────────────────────────────────


class Payload:
    """What a task reads of a body, and whoever is offered it first."""

    def __init__(self, connection, refused):
        connection.data_received(request("POST", "/", "Content-Length: 9"))
        _, self._payload = connection._messages[0]
        self._refused = refused
        self.offered = []

    async def read(self):
        return await self._payload.readany()

    def pass_on(self, part):
        self.offered.append(part)
        return part != self._refused


async def test_nothing_overtakes_a_part_that_waits(connection):
    payload = Payload(connection, refused=b"two")
    reading = asyncio.ensure_future(connection.await_body(payload, 1.0, payload.pass_on))
    await asyncio.sleep(0)
    for part in (b"one", b"two", b"six"):
        connection.data_received(part)

    assert await reading == b"twosix"
    assert payload.offered == [b"one", b"two"]


async def test_nothing_is_passed_on_once_nobody_waits(connection):
    """What comes between an exchange and its replay belongs to the replay."""
    payload = Payload(connection, refused=b"")
    reading = asyncio.ensure_future(connection.await_body(payload, 1.0, payload.pass_on))
    await asyncio.sleep(0)
    connection.data_received(b"one")
    reading.cancel()
    await asyncio.wait((reading,))
    connection.data_received(b"two")

    assert payload.offered == [b"one"]
    assert await payload.read() == b"two"
