"""Callers known by their address."""

from ipaddress import ip_network

import pytest

from gateway.access.networks import Networks
from gateway.core.access.finding import Known
from gateway.core.caller import WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.access_settings import NetworkWay
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.proxies import TrustedProxies

WAY = NetworkWay((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
PROXIES = TrustedProxies((ip_network("192.0.2.1/32"),))


def seen(address, forwarded="", *, is_trusted=False):
    fields = [(b"Host", b"a")] + ([(b"X-Forwarded-For", forwarded.encode())] if forwarded else [])
    head = HeadReader(Limits()).read("GET", "/", (1, 1), fields)
    caller = CallerFields(address.encode(), b"http", is_trusted, proxies=PROXIES)
    return Networks(WayName("office"), WAY).see(head, caller)


@pytest.mark.parametrize("address", ["10.0.0.1", "10.255.255.255", "2001:db8::1"])
def test_an_address_in_a_network_is_a_caller(address):
    found = seen(address)

    assert isinstance(found, Known)
    assert (found.caller.way, found.caller.id) == ("office", address)


@pytest.mark.parametrize("address", ["11.0.0.1", "2001:db9::1", "unknown"])
def test_another_address_is_nobody(address):
    assert seen(address) is None


def test_whom_a_trusted_proxy_reports_is_the_caller():
    assert seen("192.0.2.1", "10.0.0.9", is_trusted=True).caller.id == "10.0.0.9"
    assert seen("192.0.2.1", "8.8.8.8", is_trusted=True) is None


def test_what_anybody_else_reports_is_nothing():
    assert seen("8.8.8.8", "10.0.0.9") is None


def test_what_is_remembered_is_the_same_answer():
    networks, head = (
        Networks(WayName("office"), WAY),
        HeadReader(Limits()).read("GET", "/", (1, 1), [(b"Host", b"a")]),
    )
    caller = CallerFields(b"10.0.0.1", b"http", is_trusted=False)

    assert networks.see(head, caller) is networks.see(head, caller)
