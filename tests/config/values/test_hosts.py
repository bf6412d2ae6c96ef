from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.problems import Wrong
from gateway.config.values.hosts import (
    Authority,
    admin_address,
    authority,
    host_name,
    host_pattern,
    is_loopback,
    is_private,
    listening_address,
    network,
    socket_path,
)
from gateway.core.settings.listener_settings import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:0", Address("0.0.0.0", 0)),
        ("[::1]:65535", Address("::1", 65535)),
        ("[::]:80", Address("::", 80)),
        ("LOCALHOST:80", Address("localhost", 80)),
        ("my_host-1.example.com:80", Address("my_host-1.example.com", 80)),
        ("unix:/run/gateway.sock", Address(path="/run/gateway.sock")),
    ],
)
def test_addresses_to_listen_on(text, address):
    assert listening_address(text) == address


@pytest.mark.parametrize(
    "value",
    [
        "",
        "8080",
        ":8080",
        "*:8080",
        "127.0.0.1",
        "[::1]",
        "::1:80",
        "[::1]80",
        "[::1",
        "a:",
        "a:b",
        "a:-1",
        "a:65536",
        "a:000080",
        "a:٣",
        "256.1.1.1:80",
        "1.2.3:80",
        "-a:80",
        "a-:80",
        "a..b:80",
        "a b:80",
        "http://a:80",
        "a/b:80",
        "unix:",
        "unix:a",
        "unix:/",
        "unix:/a/",
        "unix:/a\x00b",
        "unix:/" + "a" * 107,
        "bücher:80",
        "[127.0.0.1]:80",
        "[fe80::1%eth0]:80",
        "a" * 64 + ":80",
        8080,
        None,
        True,
        ["127.0.0.1:80"],
    ],
)
def test_nothing_else_is_listened_on(value):
    with pytest.raises(Wrong):
        listening_address(value)


def test_a_socket_path_fits_into_107_bytes():
    assert socket_path("unix:/" + "a" * 106) == "/" + "a" * 106
    with pytest.raises(Wrong, match="107 bytes"):
        socket_path("unix:/" + "é" * 54)


def test_off_is_no_admin_listener():
    assert admin_address("off") is None
    assert admin_address("[::1]:9090") == Address("::1", 9090)
    for value in ("no", False, None):
        with pytest.raises(Wrong, match="expected off, or an address"):
            admin_address(value)
    for port in ("9090", 9090):
        with pytest.raises(Wrong, match="a port alone is not an address"):
            admin_address(port)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("*.Example.com", "*.example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::0:1]", "2001:db8::1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_hosts_of_routes(text, host):
    assert host_pattern(text) == host


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "*.*.a", "a.*", "*a.b", "a:80", "http://a", "a/b", "[a]", "1.2.3.4.5", "a@b"]
)
def test_no_other_host_is_matched(text):
    with pytest.raises(Wrong):
        host_pattern(text)


def test_an_authority_may_have_no_port():
    assert authority("a") == Authority("a", None)
    assert authority("[::1]:80") == Authority("::1", 80)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
    ],
)
def test_networks(text, written):
    assert str(network(text)) == written


@pytest.mark.parametrize(
    "value", ["", "a", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::1/32", "10.0.0", 10, None, "fe80::1%1"]
)
def test_no_other_network(value):
    with pytest.raises(Wrong):
        network(value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"])
def test_loopback(host):
    assert is_loopback(host)
    assert is_private(Address(host, 80))


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "126.255.255.255", "128.0.0.0", "::2", "localhost.example.com", "127.0.0.1.nip.io", ""],
)
def test_not_loopback(host):
    assert not is_loopback(host)
    assert not is_private(Address(host, 80))


def test_a_unix_socket_is_private():
    assert is_private(Address(path="/run/gateway.sock"))


@given(st.text(alphabet="a1.:[]-*/@%", max_size=12))
def test_any_text_is_read_or_wrong(text):
    for reader in (listening_address, host_name, host_pattern, network, authority):
        try:
            reader(text)
        except Wrong:
            continue
