import pytest

from gateway.admin.guard import is_cross_site, is_foreign_host
from gateway.core.settings.listener_settings import Address

LOOPBACK = Address("127.0.0.1", 9090)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("gateway.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost.evil.example", False),
        ("notlocalhost", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_loopback_names_and_addresses_are_known(host, expected):
    field = f"[{host}]:9090" if ":" in host else f"{host}:9090"
    assert expected != is_foreign_host(field, LOOPBACK)


@pytest.mark.parametrize(
    ("host_field", "bound_to", "expected"),
    [
        ("127.0.0.1:9090", LOOPBACK, False),
        ("localhost:9090", LOOPBACK, False),
        ("localhost", LOOPBACK, False),
        ("[::1]:9090", Address("::1", 9090), False),
        ("[::1]", LOOPBACK, False),
        ("evil.example:9090", LOOPBACK, True),
        ("evil.example", Address("::1", 9090), True),
        ("[2001:db8::1]:9090", LOOPBACK, True),
        ("", LOOPBACK, True),
        (None, LOOPBACK, False),
        ("gateway.prod:9090", Address("0.0.0.0", 9090), False),
        ("anything", Address(path="/run/admin.sock"), False),
    ],
)
def test_a_loopback_listener_serves_no_foreign_host(host_field, bound_to, expected):
    assert expected == is_foreign_host(host_field, bound_to)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "something new"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
    ],
)
def test_what_a_foreign_page_causes_is_told_apart(headers, expected):
    assert expected == is_cross_site(headers)
