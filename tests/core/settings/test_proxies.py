"""Which client a trusted proxy speaks of. The list grows to the right; only trusted hops lead to the left."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.proxies import TrustedProxies, plain_address, read_hop

PROXIES = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
WITH_UNIX = TrustedProxies(PROXIES.networks, unix=True)

CLIENTS = [
    (b"203.0.113.7", "203.0.113.7"),
    (b"  203.0.113.7\t", "203.0.113.7"),
    (b"203.0.113.7, 10.0.0.2", "203.0.113.7"),
    (b"203.0.113.7,10.0.0.2,10.0.0.3", "203.0.113.7"),
    (b"6.6.6.6, 203.0.113.7", "203.0.113.7"),  # forged on the left
    (b"10.0.0.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
    (b"6.6.6.6, unknown, 203.0.113.7", "203.0.113.7"),
    # all are trusted: whoever began it is inside
    (b"10.0.0.2", "10.0.0.2"),
    (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
    # as proxies write addresses
    (b"203.0.113.7:4711", "203.0.113.7"),
    (b"203.0.113.7:4711, 10.0.0.2:80", "203.0.113.7"),
    (b"2001:db9::1", "2001:db9::1"),
    (b"[2001:db9::1]", "2001:db9::1"),
    (b"[2001:DB9:0::1]:443, [2001:db8::5]:80", "2001:db9::1"),
    (b"203.0.113.7, 2001:db8::5", "203.0.113.7"),
    (b"203.0.113.7, ::ffff:10.1.2.3", "203.0.113.7"),
    (b"::ffff:203.0.113.7", "203.0.113.7"),
    (b"fe80::1%eth0", "fe80::1"),
    # empty elements are nothing
    (b",203.0.113.7, ,10.0.0.2,", "203.0.113.7"),
    (b"", ""),
    (b" , ", ""),
    # what is no address ends the way, and what stands to its left is anybody's
    (b"unknown", ""),
    (b"203.0.113.7, unknown", ""),
    (b"203.0.113.7, _hidden, 10.0.0.2", ""),
    (b"203.0.113.7, 10.0.0.256", ""),
    (b"203.0.113.7, 10.0.0.2:x", ""),
    (b"203.0.113.7, 10.0.0.2:", ""),
    (b"203.0.113.7, 10.0.0.2:123456", ""),
    (b"203.0.113.7, [2001:db8::1", ""),
    (b"203.0.113.7, [2001:db8::1]80", ""),
    (b"203.0.113.7, [10.0.0.2]", ""),
    (b"203.0.113.7, 010.0.0.2", ""),
    (b"203.0.113.7, 10.1", ""),
    (b"203.0.113.7; 10.0.0.2", ""),
    (b'"203.0.113.7"', ""),
    (b"for=203.0.113.7", ""),
    (b"203.0.113.7\xe9", ""),
    (b"203.0.113.7, unix:", ""),
]


@pytest.mark.parametrize(("told", "client"), CLIENTS)
def test_the_client_is_the_last_one_who_is_no_trusted_proxy(told, client):
    assert PROXIES.client_behind(told) == client


@pytest.mark.parametrize(
    ("told", "client"),
    [
        (b"203.0.113.7, unix:", "203.0.113.7"),
        (b"203.0.113.7, unix:, 10.0.0.2", "203.0.113.7"),
        (b"unix:", ""),
        (b"203.0.113.7, unix:/run/a", ""),
    ],
)
def test_a_hop_over_a_unix_socket_is_a_trusted_one_where_those_are(told, client):
    assert WITH_UNIX.client_behind(told) == client


@pytest.mark.parametrize("hops", [15, 16, 17, 5000])
def test_a_list_is_followed_for_sixteen_hops_and_no_further(hops):
    told = b"203.0.113.7" + b", 10.0.0.2" * hops
    assert PROXIES.client_behind(told) == ("203.0.113.7" if hops <= 16 else "")


def test_what_a_long_list_costs_does_not_grow_with_it():
    """Entries that are looked at are counted, not timed."""
    looked_at = []

    class Counting(TrustedProxies):
        def trusts(self, address):
            looked_at.append(address)
            return True

    Counting().client_behind(b"10.0.0.2," * 7000 + b"10.0.0.2")
    assert len(looked_at) <= 17


def test_what_is_remembered_is_bounded_in_number_and_in_length():
    proxies = TrustedProxies()
    for number in range(3000):
        told = b"10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255)
        for _ in range(2):
            assert proxies.client_behind(told) == told.decode()
        assert proxies.client_behind(told + b" " * 200) == told.decode()

    assert len(proxies._known) <= 1024
    assert max(map(len, proxies._known)) <= 128


def test_what_is_remembered_makes_no_difference_between_settings():
    one, other = TrustedProxies(PROXIES.networks), TrustedProxies(PROXIES.networks)
    one.client_behind(b"203.0.113.7")

    assert one == other
    assert hash(one) == hash(other)
    assert "203.0.113.7" not in repr(one)


HOPS = st.lists(st.ip_addresses().map(str) | st.sampled_from(["10.0.0.1", "unknown", "", "x"]), max_size=8)


@given(HOPS, st.ip_addresses())
def test_what_stands_to_the_left_of_a_stranger_never_counts(forged, stranger):
    told = ", ".join([*forged, str(stranger)]).encode()
    address = plain_address(str(stranger))
    if not PROXIES.trusts(address):
        assert PROXIES.client_behind(told) == str(address)


@given(st.binary(max_size=200))
def test_any_bytes_give_an_address_or_nothing(told):
    client = WITH_UNIX.client_behind(told)
    assert client == "" or str(ip_address(client)) == client


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_is_read_in_every_way_of_writing(address, port):
    text = str(address)
    bracketed = f"[{text}]" if address.version == 6 else text
    for written in (text, bracketed, f"{bracketed}:{port}"):
        assert read_hop(written.encode()) == plain_address(text)


def test_nobody_is_trusted_by_default():
    assert not TrustedProxies().trusts(ip_address("127.0.0.1"))
    assert not TrustedProxies().unix
