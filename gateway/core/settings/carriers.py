"""Where the parts of a credential go in the requests of a route: a header field, a query parameter, a cookie.

A credential has parts by name (`core.token.Token.parts`); the main one is called `MAIN_PART`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

MAIN_PART: Final = "token"
"""The part that every credential has: the access token, or whatever a login gives instead."""


@dataclass(frozen=True, slots=True)
class InHeader:
    """A header field that carries a part.

    Attributes:
        name: as it is written on the wire.
        prefix: what precedes the value; None for the scheme of the token's type: ``Bearer`` or ``DPoP``.
        part: the name of the part.
    """

    name: str
    prefix: str | None = ""
    part: str = MAIN_PART


@dataclass(frozen=True, slots=True)
class InQuery:
    """A query parameter that carries a part, percent-encoded at the end of the query."""

    name: str
    part: str = MAIN_PART


@dataclass(frozen=True, slots=True)
class InCookie:
    """A cookie that carries a part, beside those of the caller."""

    name: str
    part: str = MAIN_PART


Carrier: TypeAlias = InHeader | InQuery | InCookie

USUAL: Final[tuple[Carrier, ...]] = (InHeader("Authorization", None),)
"""Where an access token goes unless the configuration says otherwise (RFC 6750 section 2.1)."""
