"""What a connection knows of its caller. What it reads and answers is tested on the wire, in tests/wire."""

import asyncio
from ipaddress import ip_network

import pytest

from gateway.core.errors import RouteTimeout
from gateway.core.http.entrance import Entrance
from gateway.core.settings.client_settings import TlsFiles
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.proxies import TrustedProxies
from gateway.proxy.caller import caller_of
from tests.proxy.calls import call_of, connection_of, rig

TRUSTED = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
TCP, UNIX = Address("127.0.0.1", 8080), Address(path="/run/gateway.sock")


class Transport(asyncio.Transport):
    """Knows only its peer."""

    def __init__(self, peer):
        super().__init__({"peername": peer})


def entrance(address=TCP, *, tls=None, trusted=TRUSTED):
    return Entrance.of(ListenerSettings(address, tls), trusted)


PEERS = [
    (("192.0.2.1", 5000), b"192.0.2.1", False),
    (("10.1.2.3", 5000), b"10.1.2.3", True),
    (("::ffff:10.1.2.3", 5000, 0, 0), b"10.1.2.3", True),  # an IPv4 caller of an IPv6 socket
    (("::ffff:192.0.2.1", 5000, 0, 0), b"192.0.2.1", False),
    (("2001:db8::1", 5000, 0, 0), b"2001:db8::1", True),
    (("fe80::1%eth0", 5000, 0, 2), b"fe80::1", False),
    (("::1", 5000, 0, 0), b"::1", False),
    (None, b"unknown", False),  # it is gone already
]


@pytest.mark.parametrize(("peer", "address", "is_trusted"), PEERS)
def test_a_caller_is_its_address_and_trusted_by_its_network(peer, address, is_trusted):
    caller = caller_of(Transport(peer), entrance())

    assert (caller.address, caller.is_trusted) == (address, is_trusted)


@pytest.mark.parametrize("peer", ["", None, "/run/caller.sock"])
@pytest.mark.parametrize("unix", [False, True])
def test_a_caller_of_a_unix_socket_is_trusted_where_all_of_them_are(peer, unix):
    caller = caller_of(Transport(peer), entrance(UNIX, trusted=TrustedProxies(unix=unix)))

    assert (caller.address, caller.name, caller.is_trusted) == (b"unknown", "unix", unix)


@pytest.mark.parametrize("peer", ["", None])
def test_a_caller_that_is_gone_from_a_tcp_socket_is_none_of_a_unix_socket(peer):
    caller = caller_of(Transport(peer), entrance(trusted=TrustedProxies(unix=True)))

    assert (caller.address, caller.name, caller.is_trusted) == (b"unknown", "unknown", False)


@pytest.mark.parametrize(("tls", "proto"), [(None, b"http"), (TlsFiles("a", "b"), b"https")])
def test_a_caller_spoke_the_protocol_of_its_listener(tls, proto):
    caller = caller_of(Transport(("10.1.2.3", 1)), entrance(tls=tls))

    assert caller.proto == proto


async def test_a_call_that_is_over_is_not_late():
    """Its answer was written in time, and the task that sees to the rest is about to."""
    async with rig() as made:
        connection = connection_of(made)
        connection.front.call = call = call_of(made, connection=connection)
        call.begin_answer(200, b"HTTP/1.1 200 OK\r\n\r\n", 0)
        connection.facts.total_deadline_s = 5.0
        call.is_over = True
        connection.check_deadlines(6.0)
        after_its_end = (call.failure, connection.transport.end)
        call.is_over = False
        connection.check_deadlines(6.0)

        assert after_its_end == (None, "")
        assert (type(call.failure), connection.transport.end) == (RouteTimeout, "closed")
