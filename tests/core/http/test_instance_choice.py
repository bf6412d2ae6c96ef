"""Which upstream a credential names, and what it may never name."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.errors import InstanceNotAllowed
from gateway.core.http.instance_choice import instance_of
from gateway.core.settings.forward_proxy import Exempt, ForwardProxy
from gateway.core.settings.instances import InstancePattern, InstanceSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.core.samples import route, token

ALLOWED = (
    InstancePattern("*.my.example.com"),
    InstancePattern("exact.test"),
    InstancePattern("exact.test", 8443),
    InstancePattern("192.0.2.7"),
)
UPSTREAM = UpstreamSettings(Scheme.HTTPS, "{token.instance}", 443, ca_file="/ca.pem")


def chosen(value, *, is_host=False, base_path="/services", scheme=Scheme.HTTPS):
    held = replace(token(1), parts=(("token", "t"), ("instance", value)))
    settings = route(
        upstream=replace(UPSTREAM, scheme=scheme),
        base_path=base_path,
        instances=InstanceSettings("instance", ALLOWED, is_host),
    )
    return instance_of(settings, held)


@pytest.mark.parametrize(
    ("value", "host", "port", "base_path"),
    [
        ("https://acme.my.example.com", "acme.my.example.com", 443, "/services"),
        ("https://ACME.my.Example.COM/", "acme.my.example.com", 443, "/services"),
        ("https://a.b.my.example.com:443", "a.b.my.example.com", 443, "/services"),
        ("https://exact.test", "exact.test", 443, "/services"),
        ("https://exact.test:8443/v1/data", "exact.test", 8443, "/v1/data/services"),
        ("https://exact.test/v1/", "exact.test", 443, "/v1/services"),
        ("https://exact.test/v1.2/~a-b_c", "exact.test", 443, "/v1.2/~a-b_c/services"),
        ("https://192.0.2.7", "192.0.2.7", 443, "/services"),
    ],
)
def test_a_credential_names_its_upstream(value, host, port, base_path):
    made = chosen(value)
    assert (made.upstream.host, made.upstream.port, made.base_path) == (host, port, base_path)
    assert made.upstream == replace(UPSTREAM, host=host, port=port)
    assert made.instances is None


@pytest.mark.parametrize(("value", "is_direct"), [("https://exact.test", True), ("https://192.0.2.7", False)])
def test_a_proxy_is_bypassed_for_what_it_is_not_for(value, is_direct):
    proxy = ForwardProxy("proxy.test", 3128, exempt=(Exempt("exact.test"),))
    settings = route(upstream=replace(UPSTREAM, proxy=proxy), instances=InstanceSettings("instance", ALLOWED))
    made = instance_of(settings, replace(token(1), parts=(("token", "t"), ("instance", value))))
    assert made.upstream.proxy is (None if is_direct else proxy)


def test_a_part_may_be_a_host_alone():
    made = chosen("exact.test:8443", is_host=True)
    assert (made.upstream.host, made.upstream.port, made.base_path) == ("exact.test", 8443, "/services")


REFUSED = [
    "",
    "exact.test",
    "http://exact.test",
    "https://",
    "https://my.example.com",
    "https://evilmy.example.com",
    "https://acme.my.example.com.evil.test",
    "https://acme.my.example.com@evil.test",
    "https://evil.test#.my.example.com",
    "https://evil.test/.my.example.com",
    "https://evil.test\\.my.example.com",
    "https://evil.test?.my.example.com",
    "https://evil.test%2f.my.example.com",
    "https://user:pw@exact.test",
    "https://exact.test:8444",
    "https://exact.test:0",
    "https://exact.test:99999",
    "https://exact.test.",
    "https://exact.test/a?b",
    "https://exact.test/a#b",
    "https://exact.test/../a",
    "https://exact.test/a/..",
    "https://exact.test/./a",
    "https://exact.test//a",
    "https://exact.test/%2e%2e/a",
    "https://exact.test/a;b",
    "https://exact.test/a\r\nX: 1",
    "https://exact.test\n",
    " https://exact.test",
    "https://[::1]",
    "https://127.0.0.1",
    "https://169.254.169.254",
    "https://localhost",
    "https://exact.tést",
    "HTTPS://exact.test",
    "https://exact.test/" + "a" * 3000,
]


@pytest.mark.parametrize("value", REFUSED)
def test_what_is_not_allowed_is_never_named(value):
    with pytest.raises(InstanceNotAllowed) as refusal:
        chosen(value)
    assert refusal.value.detail.startswith("client crm: the part instance ")
    assert "exact" not in refusal.value.detail


@pytest.mark.parametrize("value", ["https://exact.test", "exact.test/a", "a@exact.test", "exact.test:"])
def test_a_host_alone_is_nothing_else(value):
    with pytest.raises(InstanceNotAllowed):
        chosen(value, is_host=True)


def test_a_credential_without_the_part_names_nothing():
    with pytest.raises(InstanceNotAllowed, match="is missing"):
        instance_of(route(instances=InstanceSettings("instance", ALLOWED), upstream=UPSTREAM), token(1))


PIECES = st.sampled_from(
    [
        "https://",
        "http://",
        "exact.test",
        "evil.test",
        ".my.example.com",
        "a",
        "@",
        ":",
        "443",
        "/",
        "..",
        "\\",
        "?",
        "#",
        "%2f",
        "\n",
        " ",
    ]
)


@given(st.lists(PIECES, max_size=7).map("".join))
@example("https://a.my.example.com/a")
def test_whatever_it_says_only_an_allowed_server_is_named(value):
    try:
        made = chosen(value)
    except InstanceNotAllowed:
        return
    assert any(one.admits(made.upstream.host, made.upstream.port) for one in ALLOWED)
    assert ".." not in made.base_path
    assert value.lower().startswith(f"https://{made.upstream.host}")
