"""What a listener knows of its callers. What it reads and answers is tested on the wire, in tests/wire."""

import asyncio
from ipaddress import ip_network

import pytest

from gateway.core.settings import Limits
from gateway.proxy.census import Census
from gateway.proxy.listener import Listener, Shared

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


class Transport(asyncio.Transport):
    """Knows only its peer."""

    def __init__(self, peer):
        super().__init__({"peername": peer})


async def listener(*, is_tls=False):
    return Listener(Shared(None, Limits(), TRUSTED, lambda: b"1", Census(1)), is_tls=is_tls)


PEERS = [
    (("192.0.2.1", 5000), b"192.0.2.1", False),
    (("10.1.2.3", 5000), b"10.1.2.3", True),
    (("::ffff:10.1.2.3", 5000, 0, 0), b"10.1.2.3", True),  # an IPv4 caller of an IPv6 socket
    (("::ffff:192.0.2.1", 5000, 0, 0), b"192.0.2.1", False),
    (("2001:db8::1", 5000, 0, 0), b"2001:db8::1", True),
    (("fe80::1%eth0", 5000, 0, 2), b"fe80::1", False),
    (("::1", 5000, 0, 0), b"::1", False),
    ("", b"unknown", False),  # a unix socket
    (None, b"unknown", False),
]


@pytest.mark.parametrize(("peer", "address", "is_trusted"), PEERS)
async def test_a_caller_is_its_address_and_trusted_by_its_network(peer, address, is_trusted):
    caller = (await listener()).caller_fields(Transport(peer))

    assert (caller.address, caller.is_trusted) == (address, is_trusted)


@pytest.mark.parametrize(("is_tls", "proto"), [(False, b"http"), (True, b"https")])
async def test_a_caller_spoke_the_protocol_of_its_listener(is_tls, proto):
    caller = (await listener(is_tls=is_tls)).caller_fields(Transport(("10.1.2.3", 1)))

    assert caller.proto == proto
