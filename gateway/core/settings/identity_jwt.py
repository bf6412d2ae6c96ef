"""A JWT of the gateway's own that tells an upstream who calls: what it states, and for how long it holds.

Rules:

- It is about a caller, not about a request: many requests carry the same one. Hence it has no ``jti``, which
  some take for a number that is used once.
- ``sub`` is unique within ``way`` only: two issuers may know different people by the same name.
- It ends before the gateway's own knowledge of the caller does, and is replaced at four fifths of its life.
- ``iat`` is a little in the past: a strict upstream whose clock is behind ours would refuse it otherwise.
- What is not known of the caller is left out. What would make the field too long for the usual servers
  (8 KiB for all fields together), or is not Unicode, is refused with 403.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import floor
from typing import Final, Protocol

from gateway.core.access_errors import CallerNotAllowed
from gateway.core.caller import Caller
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import SecretReader

LIFETIME_S: Final = 300.0
"""What is left at four fifths of it outlasts the wait for a token before a request is sent."""
OWN_CLAIMS: Final = frozenset(("iss", "aud", "sub", "way", "iat", "exp", "nbf", "jti"))
LONGEST: Final = 4 * 1024
_BEFORE_S: Final = 5
_RENEWED_AT: Final = 0.8
_BESIDE: Final = 320
"""Header, signature and times take no more than that of the field."""


@dataclass(frozen=True, slots=True)
class IdentityJwt:
    """What the upstream of a route is told, and in which field.

    Attributes:
        prefix: what precedes the JWT in the field; may be empty.
        issuer: its ``iss``.
        audience: its ``aud``; never empty.
        claims: names of what is passed on of the caller's claims; ``scope`` is what it was granted.
        lifetime_s: from its making to its ``exp``.
    """

    header: str
    issuer: str
    audience: tuple[str, ...]
    claims: tuple[str, ...] = ()
    prefix: str = ""
    lifetime_s: float = LIFETIME_S


@dataclass(frozen=True, slots=True)
class IdentityKeySettings:
    """The key that signs.

    Attributes:
        key: reads it; None: it is made at the start, and kept in memory.
        lifetime_s: as in `IdentityJwt`.
        publish_ahead_s: how long a key that follows another is published before it signs.
        place: where the key is in the file, as ``3:8: identity_jwt.key``.
    """

    key: SecretReader | None = field(default=None, compare=False)
    lifetime_s: float = LIFETIME_S
    publish_ahead_s: float = 0.0
    place: str = field(default="identity_jwt", compare=False)


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """The public half of a key that signs no more.

    Attributes:
        jwk: its members.
        until_s: until when what it signed may be valid, by the wall clock.
    """

    jwk: tuple[tuple[str, str], ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class KeysLeft:
    """What one process leaves to the next of the keys that sign.

    Attributes:
        pem: the key in use.
        is_made: it was made in memory.
        lifetime_s: how long what it signed is valid at most.
    """

    pem: Secret | None
    is_made: bool
    lifetime_s: float
    retired: tuple[RetiredKey, ...]


class IdentitySigner(Protocol):
    """Signs; see `gateway.identity_keys`."""

    @property
    def generation(self) -> int:
        """Counts the keys: what an earlier one signed is not sent any more."""

    def sign(self, claims: bytes) -> bytes:
        """Return the JWT with these claims, which are a JSON object."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The times of one JWT, by the wall clock.

    Attributes:
        from_s: when it was made.
        until_s: from when another one is sent in its place.
    """

    iat: int
    exp: float
    from_s: float
    until_s: float


def stated(jwt: IdentityJwt, caller: Caller) -> bytes:
    """Return the JSON object of what is told of a caller, without the times.

    Raises:
        CallerNotAllowed: it cannot be told.
    """
    try:
        text = json.dumps(
            dict(_claims(jwt, caller)), separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        content = text.encode()
    except (ValueError, RecursionError):
        content = b""
    if not content or len(jwt.prefix) + _BESIDE + len(content) * 4 / 3 > LONGEST:
        raise CallerNotAllowed(f"what is known of the caller does not fit into {jwt.header}")
    return content


def validity(now_s: float, jwt: IdentityJwt, caller: Caller) -> Validity:
    """Return the times of a JWT that is made now."""
    exp: float = floor(now_s + jwt.lifetime_s)
    if caller.expires_at_s <= exp:
        exp = _whole(caller.expires_at_s, now_s)
        return Validity(floor(now_s) - _BEFORE_S, exp, now_s, exp)  # no other one would last longer
    return Validity(floor(now_s) - _BEFORE_S, exp, now_s, now_s + (exp - now_s) * _RENEWED_AT)


def with_times(content: bytes, times: Validity) -> bytes:
    """Add its times to what is stated."""
    exp = b"%d" % times.exp if times.exp == floor(times.exp) else repr(times.exp).encode("ascii")
    return content[:-1] + b',"iat":%d,"exp":%b}' % (times.iat, exp)


def _claims(jwt: IdentityJwt, caller: Caller) -> Iterator[tuple[str, object]]:
    audience = jwt.audience
    yield "iss", jwt.issuer
    yield "aud", audience[0] if len(audience) == 1 else list(audience)
    yield "sub", caller.id
    yield "way", caller.way
    for name in jwt.claims:
        value = " ".join(sorted(caller.scope)) or None if name == "scope" else caller.claims.get(name)
        if value is not None:
            yield name, value


def _whole(ends_at_s: float, now_s: float) -> float:
    """Return an end in whole seconds, as most readers expect, unless that is over already."""
    return floor(ends_at_s) if floor(ends_at_s) > now_s else ends_at_s
