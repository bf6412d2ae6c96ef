"""The host of an authority: the form that routes and the foreign-origin check compare."""

from __future__ import annotations

from typing import Final

from gateway.core.errors import MalformedRequest

_NAME_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~%!$&'()*+;="
_IPV6_BYTES: Final = b"ABCDEFabcdef0123456789.:"
_HOST_BYTES: Final = 255  # the longest name possible (RFC 1035 section 2.3.4)
_PORT_DIGITS: Final = 5


def host_of(authority: bytes) -> str:
    """Return the host of ``host[:port]`` in lower case, without a final dot.

    Raises:
        MalformedRequest: it has another form, or is too long.
    """
    if authority[:1] == b"[":
        host, mark, rest = authority[1:].partition(b"]")
        colon, port = rest[:1], rest[1:]
        is_good = mark and not host.translate(None, _IPV6_BYTES) and colon in (b"", b":")
    else:
        host, _, port = authority.partition(b":")
        is_good = not host.translate(None, _NAME_BYTES)
    if not is_good or (port and not port.isdigit()):
        raise MalformedRequest("Host is not a host name or address with an optional port")
    if len(host) > _HOST_BYTES or len(port) > _PORT_DIGITS:
        raise MalformedRequest(f"Host is longer than {_HOST_BYTES} bytes, or its port than five digits")
    return host.decode("ascii").lower().removesuffix(".")
