"""Names of cookies and query parameters that a server may read as one of ours, however they are written.

Rules: a name is compared as header fields are (`fields.folded`): in lower case, with every character other
than a letter or digit counting as the same one, because PHP turns dots and spaces into underscores and
ASP.NET ignores case. It is decoded first, up to twice, and ends at ``[`` and NUL, where PHP and Rack end it.
A comma separates cookies too (RFC 2109), and a semicolon parameters (HTML 4.01, appendix B.2.2).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.core.http.fields import folded

_DECODED: Final = 2  # times, as in `target`
_PAIR_ENDS: Final = re.compile("[&;]")
_COOKIE_ENDS: Final = re.compile(b"([;,])")
_NAME_ENDS: Final = re.compile(rb"[\[\0]")
_SPACES: Final = b" \t\r\n\v\f"


def name_key(name: str) -> bytes:
    """Return what a name of ours is compared by."""
    return folded(name.encode())


def query_has(query: str, keys: frozenset[bytes]) -> bool:
    """Whether a query, with its ``?``, has a parameter that may be read as one of `keys`."""
    return any(_is_one_of(_spaced(pair.partition("=")[0]), keys) for pair in _pairs(query))


def _pairs(query: str) -> list[str]:
    return _PAIR_ENDS.split(query[1:])


def _spaced(name: str) -> bytes:
    return name.replace("+", " ").encode("utf-8", "surrogateescape")


def _is_one_of(name: bytes, keys: frozenset[bytes]) -> bool:
    for _ in range(_DECODED + 1):
        if folded(_bare(name)) in keys:
            return True
        decoded = unquote_to_bytes(name)
        if decoded == name:
            return False
        name = decoded
    return False


def _bare(name: bytes) -> bytes:
    return _NAME_ENDS.split(name, maxsplit=1)[0].strip(_SPACES)


def cookies_without(value: bytes, keys: frozenset[bytes]) -> bytes:
    """Return the value of a ``Cookie`` field without the cookies that may be read as one of `keys`.

    Everything else stays as it is, byte for byte.
    """
    pieces = _COOKIE_ENDS.split(value)  # a cookie, what ends it, a cookie, ...
    ours = [at for at in range(0, len(pieces), 2) if _is_one_of(pieces[at].partition(b"=")[0], keys)]
    if not ours:
        return value
    for at in reversed(ours):
        if at + 1 < len(pieces):
            del pieces[at : at + 2]
        else:
            del pieces[max(0, at - 1) :]
    return b"".join(pieces).strip(_SPACES)


def cookie_set(line: bytes) -> bytes | None:
    """Return what the name of the cookie that a ``Set-Cookie`` line sets is compared by; None for others."""
    name, _, value = line.partition(b":")
    if name.lower() not in (b"set-cookie", b"set-cookie2"):
        return None
    return folded(_bare(unquote_to_bytes(value.partition(b"=")[0])))
