"""A credential, rendered for the carriers of a route: once per token, so that a request only joins bytes.

Rules:

- What cannot stand where it should go is not sent at all: a value with a line break in a field, or with a
  semicolon in a cookie, would become something else there (RFC 9110 section 5.5, RFC 6265 section 4.1.1).
- A query parameter is percent-encoded whole, so that no server reads it in another way (RFC 3986 section 2).
- An upstream may echo a query in its response, most often in ``Location``. The parameter is cut out there, so
  that the caller can follow without it, and the value is masked wherever else it occurs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never
from urllib.parse import quote

from gateway.core.settings.carriers import Carrier, InCookie, InHeader, InQuery
from gateway.core.token import Token

MASKED: Final = b"****"
_MASKED_FROM_CHARS: Final = 4  # as in `core.text.masking`: fewer would mask letters in every word


class CannotCarry(Exception):
    """A credential has no such part, or the part cannot stand where it should go; the message says which."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a credential adds to a request.

    Attributes:
        lines: whole header fields, joined; empty if there is none.
        cookies: ``name=value`` pairs, joined; empty if there is none.
        query: ``name=value`` pairs, joined; empty if there is none.
        echoes: how the values of the query may look in a response; the longest first.
    """

    lines: bytes = field(repr=False)
    cookies: bytes = field(repr=False)
    query: bytes = field(repr=False)
    echoes: tuple[bytes, ...] = field(repr=False)


def rendered(carriers: Sequence[Carrier], token: Token) -> Rendered:
    """Render the parts of a token.

    Raises:
        CannotCarry: a part is missing, or cannot stand where it should go.
    """
    parts = dict(token.parts)
    lines: list[bytes] = []
    cookies: list[bytes] = []
    query: list[bytes] = []
    echoes: set[bytes] = set()
    for carrier in carriers:
        text = _part(parts, carrier)
        match carrier:
            case InHeader():
                value = token.field_value if carrier.prefix is None else _header_value(carrier, text)
                lines.append(carrier.name.encode("ascii") + b": " + value)
            case InCookie():
                if ";" in text:
                    raise CannotCarry(f"{_named(carrier)} contains a semicolon")
                cookies.append(f"{carrier.name}={text}".encode("ascii"))
            case InQuery():
                query.append(f"{quote(carrier.name, safe='')}={quote(text, safe='')}".encode("ascii"))
                echoes.update(_echoes(text))
            case _:
                assert_never(carrier)
    by_length = sorted(echoes, key=lambda echo: (-len(echo), echo))
    return Rendered(b"\r\n".join(lines), b"; ".join(cookies), b"&".join(query), tuple(by_length))


def _part(parts: dict[str, str], carrier: Carrier) -> str:
    text = parts.get(carrier.part)
    if text is None:
        raise CannotCarry(f"the credential has no part {carrier.part}")
    if not text or not text.isascii() or not text.isprintable():
        raise CannotCarry(f"{_named(carrier)} is empty, or not printable ASCII")
    return text


def _header_value(carrier: InHeader, text: str) -> bytes:
    value = f"{carrier.prefix}{text}"
    if value != value.strip(" "):
        raise CannotCarry(f"{_named(carrier)} begins or ends with a space")
    return value.encode("ascii")


def _named(carrier: Carrier) -> str:
    return f"the part {carrier.part} cannot go into {described(carrier)}: it"


def described(carrier: Carrier) -> str:
    """Describe where a carrier is, as in ``the cookie SESSION``."""
    match carrier:
        case InHeader():
            return f"the header field {carrier.name}"
        case InCookie():
            return f"the cookie {carrier.name}"
        case InQuery():
            return f"the query parameter {carrier.name}"
        case _:
            assert_never(carrier)


def _echoes(text: str) -> set[bytes]:
    """How a server may write a value that it found in its query: also within a query of its own."""
    once = quote(text, safe="")
    spellings = {text, once, quote(once, safe=""), _in_lower_case(once), _in_lower_case(quote(once, safe=""))}
    return {spelling.encode("ascii") for spelling in spellings if len(spelling) >= _MASKED_FROM_CHARS}


_ESCAPE: Final = re.compile("%[0-9A-F]{2}")


def _in_lower_case(encoded: str) -> str:
    return _ESCAPE.sub(lambda escape: escape[0].lower(), encoded)


class Echoes:
    """Takes query credentials out of the lines of responses.

    Args:
        names: of the query parameters.
    """

    __slots__ = ("_names", "_pairs")

    def __init__(self, names: Sequence[str]) -> None:
        encoded = [quote(name, safe="").encode("ascii") for name in names]
        either = b"|".join(map(re.escape, encoded))
        value = rb"=[^&#\s\"'<>]*"
        self._names = tuple(encoded)
        self._pairs = re.compile(
            rb"(?:(\?)(?:" + either + rb")" + value + rb"&)|[?&](?:" + either + rb")" + value
        )

    def cut_out(self, line: bytes, echoes: Sequence[bytes]) -> bytes:
        """Return a line of a response without the parameters, whatever their value, and without `echoes`."""
        if any(name in line for name in self._names):
            while (shorter := self._pairs.sub(lambda pair: pair[1] or b"", line)) != line:
                line = shorter
        for echo in echoes:
            if echo in line:
                line = line.replace(echo, MASKED)
        return line
