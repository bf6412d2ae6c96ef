"""What an answer says of its token's type (RFC 6749 section 7.1), and whether the token can be used as that.

Rules (design section 5):

- Case and white space around it do not count.
- Left out, null or empty it is what was asked for: ``DPoP`` where a proof was sent with the request, else
  ``Bearer``.
- Servers have names of their own for bearer tokens (``BearerToken``). They are taken where the owner says so:
  a guess could send a token bare that is bound to a key.
- ``mac``, and ``DPoP`` where no proof was sent, are never taken: they are worth nothing without a key.
- Where a proof was sent, a server that gives a bearer token instead would undo what the owner asked for, so
  it must be allowed on purpose (RFC 9449 section 5).
"""

from __future__ import annotations

from typing import Final

from gateway.core.signing_settings import DpopSettings

_BEARER: Final = "bearer"
_DPOP: Final = "dpop"
_BOUND: Final = frozenset((_DPOP, "mac"))


def flaw_of_type(stated: object, dpop: DpopSettings | None, *, takes_any: bool) -> str | None:
    """Give a clause that says why a token of the `stated` type cannot be used, or None where it can."""
    kind = type_named(stated)
    if kind == "":
        return None
    if dpop is None:
        is_taken = kind == _BEARER or (takes_any and kind not in _BOUND)
        return None if is_taken else "gave a token of another type than Bearer"
    if kind == _DPOP:
        return None
    if kind == _BEARER and not dpop.allows_bearer:
        return "gave a Bearer token, though one that is bound to our key was asked for"
    is_taken = kind == _BEARER or (takes_any and dpop.allows_bearer and kind not in _BOUND)
    return None if is_taken else "gave a token of another type than DPoP"


def is_bound_by_type(stated: object, dpop: DpopSettings | None) -> bool:
    """Whether a token without a flaw is worth something only together with proofs of our key."""
    return type_named(stated) in ({_DPOP} if dpop is None else {_DPOP, ""})


def type_named(stated: object) -> str | None:
    """Give the type as it is compared, empty where none is stated, None where it is no text."""
    if stated is None:
        return ""
    return stated.strip().lower() if isinstance(stated, str) else None
