"""The claims of an assertion: a JWT that authenticates a client or asks for a token (RFC 7521, RFC 7523).

Rules:

- ``iss`` is the client id. So is ``sub``, unless the assertion is the grant itself and speaks for somebody
  else (RFC 7523 section 3, points 1 and 2).
- ``aud`` is a single string and can be set: servers disagree on whether it is the token endpoint or the
  issuer (point 3).
- Every assertion has a new ``jti`` and a near ``exp`` (points 4 and 7), so a stolen one is worth little.
- There is no ``nbf``: a server whose clock is behind ours would refuse it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from gateway.core.settings.signing_settings import AssertionSettings, JsonClaim
from gateway.core.text.json_object import JsonObject

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The ``client_assertion_type`` of a JWT (RFC 7523 section 2.2)."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What distinguishes one assertion from the next.

    Attributes:
        token_endpoint: the URL of the token request.
        wall_now_s: the time, in seconds since 1970.
        jti: an identifier that is used once.
    """

    token_endpoint: str = field(repr=False)
    wall_now_s: float
    jti: str


def assertion_claims(client_id: str, settings: AssertionSettings, occasion: Occasion) -> JsonObject:
    """Return the claims of one assertion."""
    issued_at_s = int(occasion.wall_now_s)
    further = {
        name: json.loads(value.text) if isinstance(value, JsonClaim) else value
        for name, value in settings.claims
    }
    return {
        **further,
        "iss": client_id,
        "sub": settings.subject or client_id,
        "aud": settings.audience or occasion.token_endpoint,
        "jti": occasion.jti,
        "iat": issued_at_s,
        "exp": issued_at_s + int(settings.lifetime_s),
    }
