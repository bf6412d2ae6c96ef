import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.outbound import OutboundPlan
from gateway.core.http.rewriting import Rewriting, rewriting_of
from gateway.core.http.target import read_target
from gateway.core.settings.rewrite_settings import CookieDomain, RewriteSettings
from gateway.core.settings.upstream_settings import (
    AddressSettings,
    GroupName,
    GroupSettings,
    Scheme,
    UpstreamSettings,
)
from tests.core.samples import UPSTREAM, route

CALLER = b"gateway.example:8080"
OCC = {"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}
CRM = {"path": "/crm", "strips_prefix": True}
WHOLE = {"path": "/crm", "base_path": "/v2"}
PORT = {"upstream": UpstreamSettings(Scheme.HTTP, "legacy.example.com", 9500)}
SOCKET = {"upstream": UpstreamSettings(Scheme.UNIX, "localhost", 80, "/run/legacy.sock")}
IPV6 = {"upstream": UpstreamSettings(Scheme.HTTPS, "2001:db8::1", 8443)}


def led(value, members, authority=CALLER):
    return Rewriting(route(**members)).reference(value, authority)


LED_BACK = [
    (OCC, b"https://api.example.com/occ/v2/users?a=%2f&b#c", b"/crm/users?a=%2f&b#c"),
    (OCC, b"https://api.example.com/occ/v2", b"/crm"),
    (OCC, b"https://api.example.com/occ/v2/", b"/crm/"),
    (OCC, b"https://api.example.com/occ/v2?a", b"/crm?a"),
    (OCC, b"HTTPS://API.Example.com:443/occ/v2/a", b"/crm/a"),
    (OCC, b"https://api.example.com.:/occ/v2/a", b"/crm/a"),
    (OCC, b"//api.example.com/occ/v2/a", b"/crm/a"),
    (CRM, b"https://api.example.com", b"/crm"),
    (CRM, b"https://api.example.com/", b"/crm/"),
    (CRM, b"https://api.example.com/caf\xc3\xa9", b"/crm/caf\xc3\xa9"),
    (CRM, b"https://api.example.com/a?next=https://evil.example/", b"/crm/a?next=https://evil.example/"),
    (WHOLE, b"https://api.example.com/v2/crm/a", b"/crm/a"),
    (WHOLE, b"https://api.example.com/v2/crm", b"/crm"),
    ({}, b"https://api.example.com", b"/"),
    ({}, b"https://api.example.com#top", b"/#top"),
    ({"base_path": "/v2"}, b"https://api.example.com/v2", b"/"),
    ({"base_path": "/v2"}, b"https://api.example.com/v2/a", b"/a"),
    (PORT, b"http://legacy.example.com:9500/a", b"/a"),
    (SOCKET, b"http://localhost/a", b"/a"),
    (IPV6, b"https://[2001:db8::1]:8443/a", b"/a"),
]


@pytest.mark.parametrize(("members", "value", "result"), LED_BACK)
def test_a_reference_to_the_upstream_is_led_back_into_the_route(members, value, result):
    assert led(value, members) == result


STAYS = [
    (OCC, b"https://api.example.com/occ/v3/users"),
    (OCC, b"https://api.example.com/occ/v2x"),
    (OCC, b"https://api.example.com/occ/v2%2fusers"),
    (OCC, b"https://api.example.com/"),
    (OCC, b"http://api.example.com/occ/v2/a"),
    (OCC, b"https://api.example.com:8443/occ/v2/a"),
    (OCC, b"https://api.example.com:999999/occ/v2/a"),
    (OCC, b"https://login.example.com/occ/v2/a"),
    (OCC, b"https://api.example.com@evil.example/occ/v2/a"),
    (OCC, b"https://me@api.example.com/occ/v2/a"),
    (OCC, b"https:/occ/v2/a"),
    (OCC, b"/occ/v2/a"),
    (OCC, b"users?x"),
    (OCC, b""),
    (OCC, b"mailto:a@api.example.com"),
    (OCC, b"https://gateway.example:8080/occ/v2/a"),
    (WHOLE, b"https://api.example.com/v2/other"),
    # What a browser may read as another host, or as a path elsewhere.
    ({}, b"https://api.example.com//evil.example/a"),
    ({}, b"https://api.example.com/\\evil.example/a"),
    ({}, b"https://api.example.com\\@evil.example/a"),
    ({}, b"https://api.example.com/\t/evil.example"),
    ({"base_path": "/v2"}, b"https://api.example.com/v2//evil.example"),
    (OCC, b"https://api.example.com/occ/v2/../admin"),
    (OCC, b"https://api.example.com/occ/v2/%2e%2e/admin"),
    (OCC, b"https://api.example.com/occ/v2/..;/admin"),
    (OCC, b"https://api.example.com/occ/v2/a b"),
    (OCC, b"https://api.example.com/occ/v2/a\x7f"),
    (OCC, b"https://[api.example.com]/occ/v2/a"),
    (IPV6, b"https://2001:db8::1:8443/a"),
]


@pytest.mark.parametrize(("members", "value"), STAYS)
def test_any_other_reference_stays_as_it_is(members, value):
    assert led(value, members) is None


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (b"http://gateway.example:8080/a?b", b"/crm/a?b"),
        (b"https://gateway.example:8080/a", b"/crm/a"),
        (b"https://api.example.com/a", b"/crm/a"),
        (b"http://gateway.example/a", None),
        (b"http://gateway.example:8080/crm/a", None),  # written by an upstream that knows the prefix
        (b"http://gateway.example:8080/crm", None),
    ],
)
def test_with_preserve_host_the_callers_host_is_the_upstreams_too(value, result):
    assert led(value, CRM | {"preserves_host": True}) == result


def test_every_address_of_a_group_is_the_upstream_itself():
    services = [UPSTREAM, PORT["upstream"]]
    group = GroupSettings(GroupName("orders"), tuple(AddressSettings(each, each) for each in services))
    members = OCC | {"group": group}

    assert led(b"https://api.example.com/occ/v2/a", members) == b"/crm/a"
    assert led(b"http://legacy.example.com:9500/occ/v2/a", members) == b"/crm/a"
    assert led(b"http://legacy.example.com/occ/v2/a", members) is None


def test_a_host_that_cannot_be_read_is_nobodys():
    assert led(b"http://x/a", CRM | {"preserves_host": True}, authority=b"") is None


ROUTES = st.builds(
    lambda path, base, strips: {"path": path, "base_path": base, "strips_prefix": strips},
    st.sampled_from(["/", "/crm", "/crm/v1", "/v2"]),
    st.sampled_from(["", "/v2", "/crm", "/occ/v2"]),
    st.booleans(),
)
RESTS = st.text(st.sampled_from("abc/?#%2f.;&=:@\\"), max_size=12)


@given(ROUTES, RESTS)
def test_what_is_led_back_reaches_the_place_that_the_upstream_named(members, rest):
    """The result is a path in the route, and the upstream gets for it what it wrote."""
    settings = route(**members)
    made = Rewriting(settings)
    for start in ("", settings.base_path, settings.base_path + settings.path, settings.path):
        named = f"{start}/{rest}"
        result = made.reference(f"https://api.example.com{named}".encode(), CALLER)
        if result is None:
            continue
        target = read_target(result.decode().partition("#")[0])
        assert OutboundPlan(settings).target(target) == (named.partition("#")[0])
        assert target.path == settings.path or target.path.startswith(settings.path.rstrip("/") + "/")
        assert result[1:2] not in (b"/", b"\\")
        assert made.reference(result, CALLER) is None  # twice is as once


@given(ROUTES, st.binary(max_size=12) | RESTS.map(str.encode), st.booleans())
def test_nothing_is_added_to_a_reference_but_the_route(members, rest, preserves):
    made = Rewriting(route(**members, preserves_host=preserves))
    for value in (b"?" + rest, b"/" + rest, members["base_path"].encode() + b"/" + rest):
        result = made.reference(b"https://api.example.com" + value, CALLER)
        if result is not None:
            added = members["path"].rstrip("/").encode()
            assert result.startswith(b"/")
            assert not result.startswith((b"//", b"/\\"))
            assert not any(byte <= 0x20 or byte == 0x7F for byte in result)
            assert result.startswith(added)
            assert value.endswith(result.removeprefix(added)) or result == b"/" + value


# ── cookies ───────────────────────────────────────────────────────────────────────────────────────────


def cookie(value, members, authority=CALLER, **rules):
    return Rewriting(route(**members, rewrite=RewriteSettings(**rules))).cookie(value, authority)


@pytest.mark.parametrize(
    ("members", "path", "result"),
    [
        (CRM, b"/", b"/crm"),
        (CRM, b"/a/", b"/crm/a/"),
        (CRM, b"/crm/a", b"/crm/a"),
        (CRM, b"", b""),
        (CRM, b"a", b"a"),
        (OCC, b"/", b"/crm"),
        (OCC, b"/occ", b"/crm"),
        (OCC, b"/occ/", b"/crm"),
        (OCC, b"/occ/v2", b"/crm"),
        (OCC, b"/occ/v2/users", b"/crm/users"),
        (OCC, b"/other", b"/other"),
        (WHOLE, b"/v2/crm/a", b"/crm/a"),
        (WHOLE, b"/v2", b"/crm"),
        ({}, b"/", b"/"),
        ({"base_path": "/v2"}, b"/v2", b"/"),
    ],
)
def test_the_path_of_a_cookie_becomes_that_of_the_route(members, path, result):
    value = b" SID=1; Path=%b; HttpOnly"

    assert cookie(value % path, members, cookie_path=True) == value % result
    assert cookie(value % path, members) == value % path


def test_everything_else_of_a_cookie_stays_byte_for_byte():
    value = b'SID="a;  path = /x ;Secure; Path;expires=Wed, 09 Jun 2100 10:18:14 GMT'

    assert cookie(value, CRM, cookie_path=True) == value.replace(b"/x ", b"/crm/x").replace(b"= /", b"=/")


def test_a_cookie_that_browsers_bind_to_the_whole_host_keeps_its_path():
    value = b"__Host-SID=1; Path=/; Secure"

    assert cookie(value, CRM, cookie_path=True) == value


@pytest.mark.parametrize(
    ("domain", "authority", "result"),
    [
        (b"api.example.com", b"gw.example.org", b"; Domain=gw.example.org"),
        (b".Example.com", b"GW.example.org:8080", b"; Domain=gw.example.org"),
        (b"api.example.com", b"localhost:8080", b""),
        (b"api.example.com", b"127.0.0.1", b""),
        (b"api.example.com", b"", b""),
        (b"other.example.com", b"gw.example.org", b"; Domain=other.example.com"),
        (b"ample.com", b"gw.example.org", b"; Domain=ample.com"),
    ],
)
def test_the_domain_of_a_cookie_becomes_the_callers_host(domain, authority, result):
    value = b"SID=1; Domain=%b; Secure" % domain

    assert cookie(value, CRM, authority, cookie_domain=CookieDomain.CALLER) == b"SID=1%b; Secure" % result


def test_the_domain_of_a_cookie_is_removed_if_it_is_the_upstreams():
    kept, removed = b"SID=1; Domain=evil.test", b"SID=1; domain=example.com"

    assert cookie(removed, CRM, cookie_domain=CookieDomain.REMOVE) == b"SID=1"
    assert cookie(kept, CRM, cookie_domain=CookieDomain.REMOVE) == kept
    assert cookie(removed, CRM) == removed


# ── a whole head ──────────────────────────────────────────────────────────────────────────────────────

HEAD = [
    b"Server: legacy",
    b"location:  https://api.example.com/a",
    b"Content-Location: https://api.example.com/b",
    b"Set-Cookie: A=1; Path=/",
    b"Set-Cookie: B=2",
    b"Link: <https://api.example.com/c>",
]


@pytest.mark.parametrize(
    ("before", "result"),
    [
        (b"/outer", b"/outer/crm/a"),
        (b"/outer/in", b"/outer/in/crm/a"),
        (b"//evil.example", b"/crm/a"),
        (b"/a;b", b"/crm/a"),
        (b"/a/../b", b"/crm/a"),
        (b"/a b", b"/crm/a"),
        (b"", b"/crm/a"),
    ],
)
def test_what_trusted_proxies_stripped_comes_first(before, result):
    made = Rewriting(route(**CRM, rewrite=RewriteSettings(cookie_path=True)))
    lines = [HEAD[1], b"Set-Cookie: A=1; Path=/a"]

    assert made.lines(lines, CALLER, before) == [b"location: " + result, b"Set-Cookie: A=1; Path=" + result]


def test_with_preserve_host_a_path_with_all_prefixes_stays():
    made = Rewriting(route(**CRM, preserves_host=True))
    known = b"Location: http://gateway.example:8080/outer/crm/a"

    assert made.lines([known], CALLER, b"/outer") == [known]


def test_only_the_fields_that_are_named_are_rewritten():
    both = Rewriting(route(**CRM, rewrite=RewriteSettings(cookie_path=True)))
    usual = Rewriting(route(**CRM))
    cookies = Rewriting(route(**CRM, rewrite=RewriteSettings(location=False, cookie_path=True)))
    led_back = [b"location: /crm/a", b"Content-Location: /crm/b"]

    assert usual.lines(HEAD, CALLER) == [HEAD[0], *led_back, *HEAD[3:]]
    assert both.lines(HEAD, CALLER) == [HEAD[0], *led_back, b"Set-Cookie: A=1; Path=/crm", *HEAD[4:]]
    assert cookies.lines(HEAD, CALLER) == [*HEAD[:3], b"Set-Cookie: A=1; Path=/crm", *HEAD[4:]]


def test_nothing_is_prepared_where_nothing_is_rewritten():
    assert rewriting_of(route(rewrite=RewriteSettings(location=False))) is None
    assert rewriting_of(route()) is not None
