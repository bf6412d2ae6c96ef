import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ForeignPage
from gateway.core.http.foreign import names_this_machine, refuse_foreign_page
from gateway.core.text.server_url import is_loopback
from tests.core.samples import head_of


def is_refused(*fields, host="127.0.0.1:8080", route_host=None, version=(1, 1), target="/"):
    try:
        refuse_foreign_page(head_of(*fields, host=host, version=version, target=target), route_host)
    except ForeignPage:
        return True
    return False


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8080", "127.9.9.9", "localhost", "LocalHost:8080", "localhost.", "crm.localhost:1", "[::1]:80",
     "[::ffff:127.0.0.1]", "localhost.localdomain", "ip6-localhost"],
)  # fmt: skip
def test_programs_that_call_this_machine_by_its_names_pass(host):
    assert not is_refused("User-Agent: curl/8", "Cookie: a=b", host=host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io", "xlocalhost", "localhost4.evil",
     "0.0.0.0", "[::]", "192.168.0.7", "[fe80::1]", "gateway", "gateway:8080"],
)  # fmt: skip
def test_a_host_that_a_page_may_have_made_up_is_refused(host):
    assert is_refused(host=host)


def test_a_request_without_host_is_of_no_browser():
    assert not is_refused(host="", version=(1, 0))


def test_who_has_the_gateway_for_its_proxy_names_any_host_and_is_no_page():
    assert not is_refused(target="http://api.example.com/users")
    assert is_refused("Origin: http://evil.example", target="http://evil.example/users")


def test_a_route_that_says_which_host_it_serves_has_matched_it():
    assert not is_refused(host="gateway:8080", route_host="gateway")
    assert not is_refused(host="crm.example.com", route_host="*.example.com")


@pytest.mark.parametrize(
    ("origin", "route_host"),
    [
        ("http://127.0.0.1:3000", None),
        ("http://localhost:8080", None),
        ("https://[::1]", None),
        ("HTTP://LOCALHOST", None),
        ("https://crm.example.com", "crm.example.com"),
        ("https://crm.example.com:8443", "*.example.com"),
        ("http://localhost", "crm.example.com"),
    ],
)
def test_pages_of_this_machine_and_of_the_routes_host_pass(origin, route_host):
    host = "crm.example.com" if route_host else "127.0.0.1"
    assert not is_refused(f"Origin: {origin}", "Sec-Fetch-Site: same-site", host=host, route_host=route_host)


@pytest.mark.parametrize("route_host", [None, "crm.example.com", "*.example.com"])
@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://evil.example", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "file://",
     "chrome-extension://localhost", "localhost", "http://localhost, http://evil.example", "http://evil.example@localhost",
     "http://localhost/evil.example", "https://example.com", "https://xexample.com", "https://crm.example.com.evil.example"],
)  # fmt: skip
def test_a_page_of_another_origin_is_refused(origin, route_host):
    host = "crm.example.com" if route_host else "127.0.0.1"
    assert is_refused(f"Origin: {origin}", host=host, route_host=route_host)


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ("none", False),
        ("same-origin", False),
        ("same-site", False),
        ("cross-site", True),
        ("Cross-Site", True),
        ("none, cross-site", True),
        ("", True),
        ("nonsense", True),
    ],
)
@pytest.mark.parametrize("route_host", [None, "crm.example.com"])
def test_what_the_browser_says_of_the_site_decides(value, refused, route_host):
    host = route_host or "localhost"
    assert is_refused(f"Sec-Fetch-Site: {value}", host=host, route_host=route_host) is refused


def test_what_was_decided_by_is_forwarded_all_the_same():
    head = head_of(
        "origin: http://localhost:3000", "A: b", "Sec-Fetch-Site: same-site", "Sec_Fetch_Site: none"
    )

    assert head.lines == [b"origin: http://localhost:3000", b"A: b", b"Sec-Fetch-Site: same-site"]


@pytest.mark.parametrize(
    ("host", "takes_credentials", "is_own"),
    [
        ("localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.255.255.254", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        # Nobody else has these names, but a resolver may ask the DNS for them.
        ("gateway.localhost", False, True),
        ("localhost6", False, True),
        ("ip6-loopback", False, True),
        ("localhost.localdomain", False, True),
        # Resolvers of old take them for 127.0.0.1, other readers for names.
        ("127.1", False, False),
        ("2130706433", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("::ffff:10.0.0.1", False, False),
        ("notlocalhost", False, False),
        ("localhost.example.com", False, False),
        ("localdomain", False, False),
        ("", False, False),
    ],
)
def test_two_claims_are_made_of_a_host_and_the_stricter_one_lets_credentials_out(
    host, takes_credentials, is_own
):
    assert (is_loopback(host), names_this_machine(host)) == (takes_credentials, is_own)


@given(st.text(max_size=40))
def test_any_text_names_this_machine_or_not(text):
    assert names_this_machine(text) in (True, False)
    assert names_this_machine(text) or not is_loopback(text.lower())
