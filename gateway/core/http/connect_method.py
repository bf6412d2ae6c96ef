"""What a forward proxy is asked, and what its response means.

Rules: it learns host and port of the upstream and nothing else, with ``http`` as with ``https``: the request
and its token go through it, not to it. Any 2xx means that the next byte is the upstream's; fields that frame
a body mean nothing there. Nothing that a proxy says is passed on but its status code. RFC 9110 sections
9.3.6 and 11.7.1, RFC 9112 section 3.2.3, RFC 7617.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from gateway.core.cause import Cause
from gateway.core.errors import UpstreamProxyFailed, UpstreamProxyLeadsNowhere
from gateway.core.settings.forward_proxy import ForwardProxy
from gateway.core.settings.sizes import KIB
from gateway.core.settings.upstream_settings import UpstreamSettings

MOST_BYTES: Final = 16 * KIB
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
_END: Final = b"\r\n\r\n"
_UNREACHED: Final = frozenset({"500", "502", "503", "504"})
_REFUSED: Final = {
    "401": "the forward proxy refuses the user and the password in `proxy` (401)",  # tinyproxy's word for 407
    "403": "the forward proxy does not allow connections to this upstream (403)",
    "407": "the forward proxy demands a user and a password, or refuses those in `proxy` (407)",
    "500": "the forward proxy cannot reach the upstream (500)",  # tinyproxy's word for 502
    "502": "the forward proxy cannot reach the upstream (502)",
    "503": "the forward proxy cannot reach the upstream (503)",
    "504": "the forward proxy did not reach the upstream in time (504)",
}


def connect_request(upstream: UpstreamSettings, proxy: ForwardProxy) -> bytes:
    """Return the request for a tunnel to the upstream."""
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    target = f"{host}:{upstream.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.credentials is not None:
        encoded = b64encode(proxy.credentials.reveal().encode()).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {encoded}")
    return "\r\n".join((*lines, "", "")).encode("ascii")


def is_led(data: bytes) -> bool:
    """Whether the proxy's response, as far as it has arrived, is complete and leads to the upstream.

    Raises:
        UpstreamProxyFailed: it refuses, or its response cannot be read.
    """
    head, end, rest = data.partition(_END)
    if not end:
        if len(data) > MOST_BYTES:
            raise proxy_failed("the forward proxy's response is too long")
        return False
    found = _STATUS.match(head + end)
    if found is None or found[1] < b"200":
        raise proxy_failed("the forward proxy's response to CONNECT is not HTTP/1.x, or not final")
    status = found[1].decode("ascii")
    if not status.startswith("2"):
        words = _REFUSED.get(status, f"the forward proxy refused to connect ({status})")
        kind = UpstreamProxyLeadsNowhere if status in _UNREACHED else UpstreamProxyFailed
        raise kind(words, cause=Cause.PROXY_FAILED)
    if rest:
        raise proxy_failed("the forward proxy sent more than its response to CONNECT")
    return True


def proxy_failed(words: str) -> UpstreamProxyFailed:
    """Return the error that the forward proxy is to blame for."""
    return UpstreamProxyFailed(words, cause=Cause.PROXY_FAILED)
