"""The token request: what a grant and a secret look like on the wire (RFC 6749 sections 2.3.1, 4.4.2).

Rules:

- ``client_secret_basic``: id and secret are first form-encoded in UTF-8, with a space as ``%20``, which form
  decoders and plain percent decoders read alike; then they are joined by ``:`` and base64-encoded.
  ``legacy_unencoded`` skips the form encoding, for servers that do not decode it.
- ``client_secret_post``: both are in the body. Credentials are never in both places (section 2.3).
- An assertion is in the body, with its type (RFC 7521 section 4.2) and ``client_id``, by which some servers
  look the client up. With a certificate, or ``none``, the body has ``client_id`` alone (RFC 8705 section
  2).
- Where the assertion is the grant, it alone identifies the client (RFC 7523 section 2.1).
- ``scope`` is never empty (section 3.2). ``audience`` and ``resource`` may be repeated (RFC 8707 section 2).
- The owner's ``parameters`` come last; the owner's ``headers`` replace ours of the same name.
- A revocation authenticates the client in the same way (RFC 7009 section 2.1).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never
from urllib.parse import quote

from gateway.core.client_settings import AuthMethod, Grant, GrantType
from gateway.core.secret import Secret

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FormRequest:
    """A POST to an authorization server: header fields and a form."""

    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def with_field(self, name: str, value: str) -> FormRequest:
        """Return the same request with one more header field."""
        return replace(self, headers=self.headers | {name: value})


def build_token_request(grant: Grant, proof: Secret) -> FormRequest:
    """Build the request for `grant`; `proof` is a secret or a finished assertion.

    Raises:
        UnicodeEncodeError: some text cannot be encoded in UTF-8 (lone surrogates from the environment).
    """
    return FormRequest(
        _headers(grant, proof),
        _form(("grant_type", grant.grant_type.value), *proof_fields(grant, proof), *grant_fields(grant)),
    )


def build_revocation_request(grant: Grant, proof: Secret, token: Secret) -> FormRequest:
    """Build the request that revokes `token`.

    Raises:
        UnicodeEncodeError: as above.
    """
    # Where an assertion was the grant, the client has no other authentication: the token alone must do.
    proving = () if grant.grant_type is GrantType.JWT_BEARER else proof_fields(grant, proof)
    return FormRequest(
        _headers(grant, proof),
        _form(("token", token.reveal()), ("token_type_hint", "access_token"), *proving),
    )


def _headers(grant: Grant, proof: Secret) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if grant.method is AuthMethod.CLIENT_SECRET_BASIC:
        encode = _as_it_is if grant.legacy_unencoded else _encoded
        headers["Authorization"] = basic_credentials(grant.client_id, proof, encode)
    owners = {name.lower() for name, _ in grant.headers}
    return {name: value for name, value in headers.items() if name.lower() not in owners} | dict(
        grant.headers
    )


def proof_fields(grant: Grant, proof: Secret) -> Fields:
    """Return the form fields that authenticate the client."""
    if grant.grant_type is GrantType.JWT_BEARER:
        return (("assertion", proof.reveal()),)
    client_id = ("client_id", grant.client_id)
    match grant.method:
        case AuthMethod.CLIENT_SECRET_BASIC:
            return ()
        case AuthMethod.CLIENT_SECRET_POST:
            return client_id, ("client_secret", proof.reveal())
        case AuthMethod.CLIENT_SECRET_JWT | AuthMethod.PRIVATE_KEY_JWT | AuthMethod.CLIENT_ASSERTION:
            kind = ("client_assertion_type", grant.assertion_type)
            return client_id, kind, ("client_assertion", proof.reveal())
        case AuthMethod.TLS_CLIENT_AUTH | AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH | AuthMethod.NONE:
            return (client_id,)
        case _:
            assert_never(grant.method)


def grant_fields(grant: Grant) -> Iterator[tuple[str, str]]:
    """Yield the form fields that say which token is wanted, without any credentials."""
    if grant.scope:
        yield "scope", " ".join(grant.scope)
    yield from (("audience", text) for text in grant.audience)
    yield from (("resource", text) for text in grant.resource)
    yield from grant.parameters


def basic_credentials(client_id: str, secret: Secret, encode: Callable[[str], str] | None = None) -> str:
    """Return the value of ``Authorization``; id and secret are form-encoded unless `encode` is given."""
    encode = encode or _encoded
    pair = f"{encode(client_id)}:{encode(secret.reveal())}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _form(*fields: tuple[str, str]) -> bytes:
    return _joined(fields).encode()


def _joined(fields: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in fields)


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _as_it_is(text: str) -> str:
    return text
