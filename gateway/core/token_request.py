"""The token request: what a grant and a secret look like on the wire (RFC 6749 sections 2.3.1, 4.4.2).

Rules:

- With ``client_secret_basic`` id and secret are form-encoded in UTF-8 first, a space as ``%20``, which
  form decoders and plain percent decoders read alike; only then joined by ``:`` and put in base64.
- With ``client_secret_post`` both stand in the body. Never in both places (section 2.3).
- No empty ``scope=`` (section 3.2). ``audience`` and ``resource`` may occur often (RFC 8707 section 2).
- The owner's ``parameters`` come last.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never
from urllib.parse import quote

from gateway.core.secret import Secret
from gateway.core.settings import AuthMethod, Grant


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A POST to the token endpoint: header fields and a form."""

    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def build_token_request(grant: Grant, secret: Secret) -> TokenRequest:
    """Give the header fields and the body that ask for `grant`.

    Raises:
        UnicodeEncodeError: a text cannot be written in UTF-8 (lone surrogates, from a foreign environment).
    """
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    match grant.method:
        case AuthMethod.CLIENT_SECRET_BASIC:
            headers["Authorization"] = basic_credentials(grant.client_id, secret)
            credentials: tuple[tuple[str, str], ...] = ()
        case AuthMethod.CLIENT_SECRET_POST:
            credentials = (("client_id", grant.client_id), ("client_secret", secret.reveal()))
        case _:
            assert_never(grant.method)
    return TokenRequest(
        headers, _form(("grant_type", "client_credentials"), *credentials, *grant_fields(grant))
    )


def grant_fields(grant: Grant) -> Iterator[tuple[str, str]]:
    """Give the form fields that say which token is wanted, without any credentials."""
    if grant.scope:
        yield "scope", " ".join(grant.scope)
    yield from (("audience", text) for text in grant.audience)
    yield from (("resource", text) for text in grant.resource)
    yield from grant.parameters


def basic_credentials(client_id: str, secret: Secret) -> str:
    """Give the value of ``Authorization`` for ``client_secret_basic``."""
    pair = f"{_encoded(client_id)}:{_encoded(secret.reveal())}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _form(*fields: tuple[str, str]) -> bytes:
    return _joined(fields).encode()


def _joined(fields: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in fields)


def _encoded(text: str) -> str:
    return quote(text, safe="")
