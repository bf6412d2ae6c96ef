"""Whether a response has a sign that the credential died: by its head, or by a short JSON body.

Rules:

- A redirect is resolved against the request, as a browser would (RFC 3986 section 5); its query does not
  count.
- A body is looked at if all of it has arrived within `MOST_BODY_BYTES`, and if its type is JSON or the one
  that the sign names: a stream of events would wait for ever. Packed with gzip or deflate it is unpacked for
  the look, up to `MOST_UNPACKED_BYTES`. What cannot be read shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from gateway.core.settings.refusal_sign import ANY_VALUE, RefusalSign
from gateway.core.text.content_coding import unpack
from gateway.core.text.json_object import JsonDocument, read_json

MOST_BODY_BYTES: Final = 4 * 1024
MOST_UNPACKED_BYTES: Final = 64 * 1024

Lines = Sequence[bytes]


def head_shows(sign: RefusalSign, status: int, lines: Lines, url: str) -> bool:
    """Whether the head of a response has a sign, as far as its head goes; `url` is that of the request."""
    return (
        status == sign.status
        and (not sign.location or any(leads_to(sign.location, url, to) for to in _texts(lines, "location")))
        and (not sign.content_type or media_type(lines) == sign.content_type.lower())
        and all(_has_field(lines, name, value) for name, value in sign.fields)
        and (not sign.json or bool(sign.content_type) or _is_json(media_type(lines)))
    )


def body_shows(sign: RefusalSign, lines: Lines, body: bytes) -> bool:
    """Whether a complete body has the sign that its head admits."""
    document = _document(lines, body)
    return document is not None and all(condition.holds(document.value) for condition in sign.json)


def leads_to(place: str, url: str, location: str) -> bool:
    """Whether a redirect from `url` leads to a place (`RefusalSign.location`)."""
    try:
        there = urlsplit(urljoin(url, location))
        wanted = urlsplit(place)
    except ValueError:
        return False
    return _is_same_server(wanted, there) and _is_below(wanted.path or "/", there.path or "/")


def media_type(lines: Lines) -> str:
    """Return the media type of a response in lower case, without parameters; empty if it states none."""
    return next(_texts(lines, "content-type"), "").partition(";")[0].strip().lower()


def _is_same_server(wanted: SplitResult, there: SplitResult) -> bool:
    return not wanted.netloc or (wanted.scheme, wanted.netloc.lower()) == (there.scheme, there.netloc.lower())


def _is_below(place: str, path: str) -> bool:
    if place.endswith("*"):
        return path.startswith(place[:-1])
    return path == place or path.startswith(place.removesuffix("/") + "/")


def _has_field(lines: Lines, name: str, value: str) -> bool:
    found = [text.lower() for text in _texts(lines, name.lower())]
    return bool(found) if value == ANY_VALUE else value.lower() in found


def _is_json(kind: str) -> bool:
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def _texts(lines: Lines, name: str) -> Iterator[str]:
    """Yield the values of a field, whose name is in lower case."""
    start = name.encode("ascii") + b":"
    for line in lines:
        if line[: len(start)].lower() == start:
            yield line[len(start) :].strip().decode("latin-1")


def _document(lines: Lines, body: bytes) -> JsonDocument | None:
    coding = ",".join(_texts(lines, "content-encoding"))
    plain = unpack(body, coding, MOST_UNPACKED_BYTES)
    return read_json(plain) if isinstance(plain, bytes) else None
