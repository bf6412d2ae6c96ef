"""The opening handshake of WebSocket, as a proxy sees it (RFC 6455 section 4).

Rules:

- A request offers it by ``Connection: upgrade`` and ``Upgrade: websocket`` in HTTP/1.1. HTTP/1.0 knows no
  upgrade, so there it is ignored.
- It must be a GET without a body, of version 13, with one key of 16 bytes. Whatever else is refused with 400:
  two servers could disagree on what follows.
- A tunnel begins only at a 101 that names WebSocket and proves that the upstream read this very key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import Final

from gateway.core.errors import MalformedRequest, UpgradeUnsupported
from gateway.core.http.fields import options
from gateway.core.http.request_head import RequestHead

UPGRADE_LINES: Final = (b"Connection: Upgrade", b"Upgrade: websocket")
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY: Final = b"sec-websocket-key"
_VERSION: Final = b"sec-websocket-version"
_ACCEPT: Final = b"sec-websocket-accept"
_KEY_BYTES: Final = 16
_SUPPORTED: Final = (("Sec-WebSocket-Version", "13"),)  # section 4.4


def offered_key(head: RequestHead, *, is_taken: bool = True) -> bytes:
    """Return the key of a request that offers WebSocket; `is_taken`: its route takes it.

    Raises:
        UpgradeUnsupported: its route does not.
        MalformedRequest: it is not a handshake that every server reads alike.
    """
    if not is_taken:
        raise UpgradeUnsupported("this route does not take WebSocket")
    if head.method != "GET":
        raise MalformedRequest("WebSocket begins with a GET")
    if head.is_chunked or head.content_length:
        raise MalformedRequest("a request for WebSocket has no body")
    if _one(head.lines, _VERSION) != b"13":
        raise MalformedRequest("the only version of WebSocket supported is 13", fields=_SUPPORTED)
    key = _one(head.lines, _KEY)
    if key is None or not _is_key(key):
        raise MalformedRequest("Sec-WebSocket-Key is not 16 bytes in base64")
    return key


def accept_of(key: bytes) -> bytes:
    """Return the ``Sec-WebSocket-Accept`` that belongs to a key (section 4.2.2)."""
    return b64encode(sha1(key + _GUID).digest())  # noqa: S324 - the RFC's, and no secret depends on it


def is_accepted(lines: Iterable[bytes], special: Mapping[bytes, bytes], key: bytes) -> bool:
    """Whether a 101 switches to WebSocket, for the request with this key."""
    is_websocket = options(special.get(b"upgrade", b"")) == {b"websocket"}
    is_upgrade = b"upgrade" in options(special.get(b"connection", b""))
    return is_websocket and is_upgrade and _one(lines, _ACCEPT) == accept_of(key)


def _one(lines: Iterable[bytes], name: bytes) -> bytes | None:
    """Return the value of a field that is there once; None if it is not, or is repeated."""
    size = len(name)
    found = [line[size + 1 :].strip(b" \t") for line in lines if line[: size + 1].lower() == name + b":"]
    return found[0] if len(found) == 1 else None


def _is_key(key: bytes) -> bool:
    try:
        return len(b64decode(key, validate=True)) == _KEY_BYTES
    except ValueError:
        return False
