"""What an assertion says: a JWT by which a client proves who it is, or asks for a token (RFC 7521, RFC 7523).

Rules:

- ``iss`` is the client id, and so is ``sub`` unless the assertion is the grant itself and speaks for somebody
  (section 3, points 1 and 2); ``aud`` is one text, a setting, for
  servers differ on whether it is the token endpoint or the issuer (point 3).
- ``jti`` is new and ``exp`` near at every attempt (points 4 and 7): whoever catches one gains little.
- No ``nbf``: servers whose clock is behind ours would refuse it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from gateway.core.json_object import JsonObject
from gateway.core.signing_settings import AssertionSettings, JsonClaim

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2: the assertion is a JWT."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is particular to one assertion.

    Attributes:
        token_endpoint: the URL that is asked.
        wall_now_s: seconds since 1970.
        jti: used once.
    """

    token_endpoint: str = field(repr=False)
    wall_now_s: float
    jti: str


def assertion_claims(client_id: str, settings: AssertionSettings, occasion: Occasion) -> JsonObject:
    """Give the claims of one assertion."""
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
