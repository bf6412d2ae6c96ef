"""Which upstreams a forward proxy is not for."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.settings.forward_proxy import Exempt, ForwardProxy, proxy_to

NAME = Exempt("example.com")
BELOW = Exempt("example.com", is_only_below=True)
PORT = Exempt("example.com", port=8443)
NET = Exempt(network=ip_network("10.0.0.0/8"))
NET6 = Exempt(network=ip_network("fd00::/8"))
ONE = Exempt(network=ip_network("10.0.0.1"), port=80)


@pytest.mark.parametrize(
    ("exempt", "host", "port", "expected"),
    [
        (NAME, "example.com", 443, True),
        (NAME, "api.example.com", 443, True),
        (NAME, "notexample.com", 443, False),
        (NAME, "example.com.evil.test", 443, False),
        (BELOW, "example.com", 443, False),
        (BELOW, "api.example.com", 443, True),
        (BELOW, "a.api.example.com", 443, True),
        (PORT, "example.com", 8443, True),
        (PORT, "example.com", 443, False),
        (NET, "10.255.0.1", 443, True),
        (NET, "11.0.0.1", 443, False),
        (NET, "example.com", 443, False),
        (NET, "fd00::1", 443, False),
        (NET6, "fd00::1", 443, True),
        (NET6, "fe80::1", 443, False),
        (ONE, "10.0.0.1", 80, True),
        (ONE, "10.0.0.1", 81, False),
    ],
)
def test_names_stand_for_all_below_and_networks_for_addresses(exempt, host, port, expected):
    proxy = ForwardProxy("proxy.test", 3128, exempt=(exempt,))
    assert exempt.covers(host, port) is expected
    assert proxy_to(proxy, host, port) is (None if expected else proxy)


def test_without_a_proxy_there_is_none():
    assert proxy_to(None, "example.com", 443) is None
