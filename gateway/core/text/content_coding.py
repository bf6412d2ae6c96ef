"""Unpack bodies that arrive compressed although nobody asked for it (RFC 9110 section 8.4), within bounds.

Rules:

- Codings are undone from the last to the first. ``x-gzip`` means ``gzip`` (section 8.4.1.3), ``identity``
  means none. ``deflate`` is zlib's format (RFC 1950), or the bare stream (RFC 1951) that some servers send.
- No step yields more than the bound. There are at most `MOST_CODINGS` layers, and `MOST_MEMBERS` members in a
  gzip stream. A stream that ends early, or that anything but zeros follows, is broken.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import Final

MOST_CODINGS: Final = 3
MOST_MEMBERS: Final = 16

_GZIP: Final = zlib.MAX_WBITS | 16
_FORMATS: Final = {
    "gzip": (_GZIP,),
    "x-gzip": (_GZIP,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}


class Flaw(Enum):
    """Why a body cannot be unpacked."""

    BROKEN = "broken"  # or packed in an unknown way
    TOO_LONG = "too_long"


def unpack(body: bytes, content_encoding: str, most_bytes: int) -> bytes | Flaw:
    """Remove the codings that the field names; at most `most_bytes` are unpacked."""
    codings = [word for word in map(str.strip, content_encoding.lower().split(",")) if word]
    codings = [coding for coding in codings if coding != "identity"]
    if len(codings) > MOST_CODINGS:
        return Flaw.BROKEN
    for coding in reversed(codings if body else ()):
        plain = _without(body, _FORMATS.get(coding, ()), most_bytes)
        if isinstance(plain, Flaw):
            return plain
        body = plain
    return body


def _without(body: bytes, formats: tuple[int, ...], most_bytes: int) -> bytes | Flaw:
    for wbits in formats:
        plain = _inflated(body, wbits, most_bytes)
        if plain is not Flaw.BROKEN:
            return plain
    return Flaw.BROKEN


def _inflated(packed: bytes, wbits: int, most_bytes: int) -> bytes | Flaw:
    plain = bytearray()
    for _ in range(MOST_MEMBERS if wbits == _GZIP else 1):
        stream = zlib.decompressobj(wbits)
        try:
            plain += stream.decompress(packed, most_bytes + 1 - len(plain))
        except zlib.error:
            return Flaw.BROKEN
        if len(plain) > most_bytes:
            return Flaw.TOO_LONG
        if not stream.eof:
            return Flaw.BROKEN
        packed = stream.unused_data
        if not packed.strip(b"\0"):
            return bytes(plain)
    return Flaw.BROKEN
