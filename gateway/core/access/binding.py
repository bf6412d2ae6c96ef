"""What a token is bound to: a key whose possession each request must prove (RFC 7800, RFC 8705, RFC 9449).

Rules:

- ``cnf`` names the certificate of the connection (``x5t#S256``, RFC 8705 section 3.1), the key of a DPoP
  proof (``jkt``, RFC 9449 section 6.1), or both; then both are asked for. Anything else cannot be proven
  here.
- A token that is bound to a key for proofs comes with the scheme ``DPoP``, and no other token does (RFC 9449
  section 7.1): else one that was stolen could be presented as a bearer token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.core.access.finding import Bad, Known
from gateway.core.access.jwt_token import decoded
from gateway.core.text.json_object import JsonObject

_DIGEST_BYTES: Final = 32
_NAMES: Final = frozenset({"x5t#S256", "jkt"})

UNKNOWN_BINDING: Final = Bad("the token is bound to something that cannot be proven here")
NOT_BOUND: Final = Bad("the token is not bound to a key: its scheme is Bearer, not DPoP", needs_proof=True)
NEEDS_PROOF: Final = Bad("the token is bound to a key: its scheme is DPoP, with a proof", needs_proof=True)
OTHER_CERTIFICATE: Final = Bad("the token is bound to a certificate, which the connection does not present")


@dataclass(frozen=True, slots=True)
class Binding:
    """What a token is bound to.

    Attributes:
        certificate: the SHA-256 of a certificate, or None.
        key: the thumbprint of a JSON Web Key (RFC 7638), or None.
    """

    certificate: bytes | None = None
    key: bytes | None = None


@dataclass(slots=True)
class Bound(Known):
    """The credential is valid, but each request must prove possession of what it is bound to."""

    binding: Binding


def binding_in(claims: JsonObject) -> Binding | Bad | None:
    """Return what a token is bound to; None if to nothing."""
    if "cnf" not in claims:
        return None
    named = claims["cnf"]
    if not isinstance(named, dict) or not named or not named.keys() <= _NAMES:
        return UNKNOWN_BINDING
    digests = {name: _digest(value) for name, value in named.items()}
    if None in digests.values():
        return UNKNOWN_BINDING
    return Binding(digests.get("x5t#S256"), digests.get("jkt"))


def known_or_bound(known: Known, *, has_proof_scheme: bool) -> Known | Bad:
    """Return what a verified token is worth, presented with the scheme ``DPoP`` or not."""
    binding = binding_in(dict(known.caller.claims))
    if isinstance(binding, Bad):
        return binding
    is_for_proofs = binding is not None and binding.key is not None
    if is_for_proofs is not has_proof_scheme:
        return NEEDS_PROOF if is_for_proofs else NOT_BOUND
    return known if binding is None else Bound(known.caller, binding)


def _digest(value: object) -> bytes | None:
    content = decoded(value.encode()) if isinstance(value, str) and value.isascii() else None
    return content if content is not None and len(content) == _DIGEST_BYTES else None
