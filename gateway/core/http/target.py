"""The request target: the bytes that are matched are the bytes that are forwarded.

Rules: a path is forwarded byte for byte. One that two servers could read differently is refused. A character
that only some servers take for a separator (an encoded slash, backslash, control byte, `?` or `#`) is data,
as in ``/users/CORP%5Cjohn``, unless the path that is split there has a dot segment or leads to another route.
Each reading takes time linear in the length of the path, and their number is bounded. RFC 9112 section 3.2,
RFC 3986 sections 3.3 and 6.2.2.3, RFC 9110 section 4.2.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.core.errors import AmbiguousPath, MalformedRequest

_DECODED: Final = 2  # times: by a careless upstream, and by another one behind it
_CONTROLS: Final = bytes((*range(0x20), 0x7F))
_CUTS: Final = b"\\?#"
_ALL_CUT: Final = bytes.maketrans(_CUTS + _CONTROLS, b"/" * len(_CUTS + _CONTROLS))
_CONTROLS_LEFT_OUT: Final = bytes.maketrans(_CUTS, b"/" * len(_CUTS))
_PARAMETERS: Final = re.compile(rb";[^/]*")
_SLASHES: Final = re.compile(rb"/{2,}")


@dataclass(slots=True, init=False)
class Target:
    """The parts of a request target. Not frozen only to be cheap: it does not change.

    Attributes:
        path: as received, before any ``?``.
        query: as received with its ``?``, even if nothing follows; empty if there is none.
        authority: that of an absolute-form target, which replaces ``Host``; else None.
    """

    path: str
    query: str
    authority: str | None

    def __init__(self, path: str, query: str, authority: str | None = None) -> None:
        self.path = path  # written out as in `core.http.access_record`
        self.query = query
        self.authority = authority


def read_target(text: str) -> Target:
    """Split a target in origin-form or absolute-form, or ``*``.

    Raises:
        MalformedRequest: it has another form, or contains a fragment or user information.
    """
    if "#" in text:
        raise MalformedRequest("the request target contains a fragment")
    if text[:1] == "/":
        path, mark, query = text.partition("?")
        return Target(path, mark + query)
    return Target("*", "") if text == "*" else _absolute_form(text)


def _absolute_form(text: str) -> Target:
    """RFC 9112 section 3.2.2; only http and https are accepted."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        raise MalformedRequest("the request target is neither a path nor an http(s) URL")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, rest = rest[:end], rest[end:]
    if not authority or "@" in authority:
        raise MalformedRequest("the request target's authority is empty or names a user")
    path, mark, query = rest.partition("?")
    return Target(path or "/", mark + query, authority)


def is_plain(path: str) -> bool:
    """Whether `path` surely has only one reading; the quick way past `other_readings`."""
    return not (
        "%" in path or "/." in path or "//" in path or "\\" in path or ";" in path or not path.isprintable()
    )


def other_readings(path: str) -> Iterator[str]:
    """Yield how else servers could read `path`.

    That is: decoded, split where they see a separator, without control bytes, without path parameters, and
    with slashes merged.

    Raises:
        AmbiguousPath: a reading has dot segments, or the path itself contains a backslash or a control byte.
    """
    reading = path.encode("utf-8", "surrogateescape")
    if b"\\" in reading or len(reading.translate(None, _CONTROLS)) < len(reading):
        raise AmbiguousPath("the path contains a backslash or a control byte")
    for _ in range(_DECODED):
        yield from _readings(reading)
        decoded = unquote_to_bytes(reading)
        if decoded == reading:
            return
        reading = decoded
    yield from _readings(reading)


def _readings(path: bytes) -> Iterator[str]:
    """Yield the readings of a path that is not decoded further."""
    yield from _merged(path)
    cut = path.translate(_ALL_CUT)
    if cut != path:
        yield from _merged(cut)
        without_controls = path.translate(_CONTROLS_LEFT_OUT, _CONTROLS)
        if len(without_controls) < len(path):
            yield from _merged(without_controls)


def _merged(path: bytes) -> Iterator[str]:
    """Yield a path with slashes merged, with and without its parameters (RFC 3986 section 3.3)."""
    merged = _SLASHES.sub(b"/", path)
    bare = merged
    if b";" in path:
        bare = _SLASHES.sub(b"/", _PARAMETERS.sub(b"", path))
        yield merged.decode("latin-1")
    _refuse_dot_segments(bare)  # `..;x` is one too, to servers that cut off path parameters
    yield bare.decode("latin-1")


def _refuse_dot_segments(path: bytes) -> None:
    if b"/." in path and not {b".", b".."}.isdisjoint(path.split(b"/")):
        raise AmbiguousPath("the path contains a dot segment")
