"""How a client authenticates at the demo's token endpoint, and how it is refused. No I/O.

RFC 6749: section 2.3 (one method per request), 2.3.1 (Basic, with id and secret form-encoded, or both in the
body), 3.2 (no repeated parameter), 5.2 (errors).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from gateway.core.secret import Secret

REPEATABLE: Final = frozenset({"audience", "resource"})  # RFC 8707 section 2, RFC 8693 section 2.1

Form = Mapping[str, str]


class Denial(Exception):
    """An error response of RFC 6749 section 5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status


@dataclass(frozen=True, slots=True)
class Registration:
    """A client that the demo knows. `scopes`: what it may request; None: anything."""

    client_id: str
    client_secret: Secret = field(repr=False)
    scopes: frozenset[str] | None = None


def parse_form(content_type: str, body: str) -> dict[str, str]:
    """Parse the parameters of a token request; of a repeatable one, keep the last.

    Raises:
        Denial: `invalid_request`.
    """
    if content_type != "application/x-www-form-urlencoded":
        raise Denial("invalid_request", "the body must be application/x-www-form-urlencoded")
    pairs = [(name, value) for name, value in parse_qsl(body, keep_blank_values=True) if value]
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if set(repeated) - REPEATABLE:
        raise Denial("invalid_request", "a parameter is repeated")
    return dict(pairs)


def authenticated(authorization: str | None, form: Form, known: Mapping[str, Registration]) -> Registration:
    """Return the client that authenticated a token request.

    Raises:
        Denial: `invalid_client`, or `invalid_request` for two methods at once.
    """
    client_id, client_secret = _presented(authorization, form)
    registration = known.get(client_id)
    expected = registration.client_secret.reveal() if registration else ""
    is_right = compare_digest(client_secret.reveal().encode(), expected.encode())
    if registration is None or not is_right:
        raise Denial("invalid_client", "unknown client or wrong secret", 401)
    return registration


def _presented(authorization: str | None, form: Form) -> tuple[str, Secret]:
    if authorization is None:
        if "client_id" not in form or "client_secret" not in form:
            raise Denial("invalid_client", "no client authentication", 401)
        return form["client_id"], Secret(form["client_secret"])
    if "client_secret" in form:
        raise Denial("invalid_request", "two methods of client authentication at once")
    return _from_basic(authorization)


def _from_basic(authorization: str) -> tuple[str, Secret]:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Denial("invalid_client", "unknown authentication scheme", 401)
    try:
        client_id, colon, secret = b64decode(credentials, validate=True).decode().partition(":")
        client_id, secret = (unquote_plus(part, errors="strict") for part in (client_id, secret))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon = ""
    if not colon:
        raise Denial("invalid_client", "the Basic credentials cannot be read", 401)
    return client_id, Secret(secret)
