import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import MalformedRequest
from gateway.core.http.host import host_of


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"a.test", "a.test"),
        (b"A.Test:8080", "a.test"),
        (b"a.test.", "a.test"),
        (b"a.test.:80", "a.test"),
        (b"a.test:", "a.test"),
        (b"127.0.0.1:80", "127.0.0.1"),
        (b"[::1]", "::1"),
        (b"[2001:DB8::1]:443", "2001:db8::1"),
        (b"", ""),
        (b"xn--caf-dma.test", "xn--caf-dma.test"),
    ],
)
def test_a_host_is_read_in_lower_case_without_port_and_final_dot(authority, host):
    assert host_of(authority) == host


@pytest.mark.parametrize(
    "authority",
    [b"a/b", b"a b", b"u@a", b"a, b", b"a:b", b"a:80:80", b"a\\b", b"a?b", b"a#b", b"\xe9.test", b"[::1", b"::1]",
     b"[::1]x", b"[::1]:x", b"a[b]", b"a\x00", b"a\tb", b'"a"', b"<a>", b"[", b"]"],
)  # fmt: skip
def test_what_is_no_host_is_refused(authority):
    with pytest.raises(MalformedRequest):
        host_of(authority)


@given(st.binary())
def test_any_bytes_are_a_host_or_our_error(authority):
    try:
        assert host_of(authority).isascii()
    except MalformedRequest:
        return
