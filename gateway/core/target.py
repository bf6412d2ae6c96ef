"""The request target: what is matched and what is forwarded are the same bytes.

Rules: a path is forwarded byte for byte; one that two servers could read differently is refused.
RFC 9112 section 3.2, RFC 3986 section 6.2.2.3, RFC 9110 section 4.2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.core.errors import AmbiguousPath, MalformedRequest


@dataclass(slots=True)
class Target:
    """A request target taken apart. Not frozen only to be cheap; nobody changes it.

    Attributes:
        path: as received, before any ``?``.
        query: as received with its ``?``, also an empty one; empty if there was none.
        authority: of an absolute-form target, which replaces ``Host``; else None.
    """

    path: str
    query: str
    authority: str | None = None


def read_target(text: str) -> Target:
    """Take a target apart: origin-form, absolute-form or ``*``.

    Raises:
        MalformedRequest: it is none of these, or carries a fragment or user information.
    """
    if "#" in text:
        raise MalformedRequest("the request target carries a fragment")
    if text[:1] == "/":
        path, mark, query = text.partition("?")
        return Target(path, mark + query)
    return Target("*", "") if text == "*" else _absolute_form(text)


def _absolute_form(text: str) -> Target:
    """RFC 9112 section 3.2.2; only http and https lead anywhere here."""
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
    """Tell whether `path` surely has one reading only; the quick way past `other_readings`."""
    return not (
        "%" in path or "/." in path or "//" in path or "\\" in path or ";" in path or not path.isprintable()
    )


def other_readings(path: str) -> Iterator[str]:
    """Yield how else servers could read `path`: decoded, slashes merged, without path parameters.

    Raises:
        AmbiguousPath: a reading has dot segments, a backslash or a control byte.
    """
    reading = path
    for _ in range(3):  # decoded by us, by a careless upstream, and once for good measure
        _refuse_second_meaning(reading)
        yield _merged(reading)
        yield _merged("/".join(segment.partition(";")[0] for segment in reading.split("/")))
        decoded = unquote_to_bytes(reading.encode("utf-8", "surrogateescape")).decode("latin-1")
        if decoded == reading:
            return
        reading = decoded


def _refuse_second_meaning(path: str) -> None:
    if "\\" in path or any(c < " " or c == "\x7f" for c in path):
        raise AmbiguousPath("the path holds a backslash or a control byte")
    # `..;x` is a dot segment to servers that cut path parameters off (RFC 3986 section 3.3).
    if any(segment.partition(";")[0] in (".", "..") for segment in path.split("/")):
        raise AmbiguousPath("the path holds a dot segment")


def _merged(path: str) -> str:
    while "//" in path:
        path = path.replace("//", "/")
    return path
