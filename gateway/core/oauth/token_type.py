"""The ``token_type`` of an answer (RFC 6749 section 7.1), and whether such a token can be used.

Rules:

- Case and surrounding white space are ignored.
- A missing, null or empty type is the one that was asked for: ``DPoP`` if the request had a proof, else
  ``Bearer``.
- Some servers have names of their own for bearer tokens (``BearerToken``). They are accepted only if the
  owner says so: a guess could send a token bare that is bound to a key.
- ``mac`` is never accepted, nor is ``DPoP`` if the request had no proof: such tokens are useless without a
  key.
- If the request had a proof, a bearer token would undo what the owner asked for, so it must be allowed
  explicitly (RFC 9449 section 5).
"""

from __future__ import annotations

from typing import Final

from gateway.core.settings.signing_settings import DpopSettings

_BEARER: Final = "bearer"
_DPOP: Final = "dpop"
_BOUND: Final = frozenset((_DPOP, "mac"))


def flaw_of_type(stated: object, dpop: DpopSettings | None, *, takes_any: bool) -> str | None:
    """Return a clause that says why a token of the `stated` type cannot be used, or None if it can."""
    kind = type_named(stated)
    if kind == "":
        return None
    if dpop is None:
        is_taken = kind == _BEARER or (takes_any and kind not in _BOUND)
        return None if is_taken else "issued a token of another type than Bearer"
    if kind == _DPOP:
        return None
    if kind == _BEARER and not dpop.allows_bearer:
        return "issued a Bearer token, although one bound to our key was requested"
    is_taken = kind == _BEARER or (takes_any and dpop.allows_bearer and kind not in _BOUND)
    return None if is_taken else "issued a token of another type than DPoP"


def is_bound_by_type(stated: object, dpop: DpopSettings | None) -> bool:
    """Whether a token without a flaw is useless without proofs of our key."""
    return type_named(stated) in ({_DPOP} if dpop is None else {_DPOP, ""})


def type_named(stated: object) -> str | None:
    """Return the type as it is compared, empty if none is stated, None if it is not a string."""
    if stated is None:
        return ""
    return stated.strip().lower() if isinstance(stated, str) else None
