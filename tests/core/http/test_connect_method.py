from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cause import Cause
from gateway.core.errors import UpstreamProxyFailed, UpstreamProxyLeadsNowhere
from gateway.core.http.connect_method import MOST_BYTES, connect_request, is_led
from gateway.core.secret import Secret
from gateway.core.settings.forward_proxy import ForwardProxy
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings

PROXY = ForwardProxy("proxy.internal", 3128)
API = UpstreamSettings(Scheme.HTTPS, "api.example.com", 443)


@pytest.mark.parametrize(
    ("upstream", "target"),
    [
        (API, b"api.example.com:443"),
        (UpstreamSettings(Scheme.HTTP, "api.example.com", 80), b"api.example.com:80"),
        (UpstreamSettings(Scheme.HTTPS, "2001:db8::1", 8443), b"[2001:db8::1]:8443"),
    ],
)
def test_a_proxy_learns_host_and_port_and_nothing_else(upstream, target):
    assert connect_request(upstream, PROXY) == b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target)


def test_user_and_password_go_to_the_proxy_in_its_own_field():
    proxy = ForwardProxy("proxy.internal", 3128, Secret("me:pässword"))
    line = connect_request(API, proxy).split(b"\r\n")[2]

    assert line.startswith(b"Proxy-Authorization: Basic ")
    assert b64decode(line.rpartition(b" ")[2]).decode() == "me:pässword"
    assert "ssword" not in repr(proxy)
    assert str(proxy) == "proxy.internal:3128"
    assert str(ForwardProxy("::1", 1)) == "[::1]:1"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200\r\nVia: p\r\n\r\n",
        b"HTTP/1.1 204 \r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_any_success_leads_to_the_upstream_whole_or_byte_by_byte(head):
    assert is_led(head)
    assert not any(is_led(head[:end]) for end in range(len(head)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", "demands a user and a password"),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n", "refuses the user and the password"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n<html>s3cr3t", "does not allow connections to this upstream"),
        (b"HTTP/1.0 500 Unable to connect\r\n\r\n", "cannot reach the upstream"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", "cannot reach the upstream"),
        (b"HTTP/1.1 503 Bad\r\n\r\n", "cannot reach the upstream"),
        (b"HTTP/1.1 504 Bad\r\n\r\n", "did not reach the upstream in time"),
        (b"HTTP/1.1 302 s3cr3t\r\nLocation: http://s3cr3t/\r\n\r\n", r"refused to connect \(302\)"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "more than its response"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "not final"),
        (b"HTTP/2 200 OK\r\n\r\n", "is not HTTP/1.x"),
        (b"SSH-2.0-s3cr3t\r\n\r\n", "is not HTTP/1.x"),
        (b"HTTP/1.1 200 OK\nX: 1\r\n\r\n", "is not HTTP/1.x"),
        (b"x" * (MOST_BYTES + 1), "too long"),
    ],
)
def test_anything_else_is_the_proxys_failure(answer, words):
    with pytest.raises(UpstreamProxyFailed, match=words) as failed:
        is_led(answer)
    assert failed.value.cause is Cause.PROXY_FAILED
    assert isinstance(failed.value, UpstreamProxyLeadsNowhere) is (" reach the upstream" in words)
    assert "s3cr3t" not in str(failed.value)


@given(st.binary(max_size=200) | st.binary(max_size=50).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest))
def test_every_response_is_read_or_refused(data):
    try:
        led = is_led(data)
    except UpstreamProxyFailed:
        return
    assert led == data.endswith(b"\r\n\r\n")
