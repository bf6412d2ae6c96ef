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
- A shape (`shape_settings`) may rename fields or omit them, and place them in the query or in a JSON object,
  where a repeated field becomes a list. Each value is encoded as a whole: none can become syntax.
- A revocation, or an introspection, authenticates the client in the same way (RFC 7009 section 2.1, RFC 7662
  section 2.1).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never
from urllib.parse import quote

from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, Grant, GrantType
from gateway.core.settings.shape_settings import (
    USUAL_REQUEST,
    BodyFormat,
    OwnField,
    RequestMethod,
    RequestShape,
)
from gateway.core.settings.whereabouts import FromJson

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BuiltRequest:
    """A request to an authorization server, without its URL.

    Attributes:
        body: None for a request without one.
        query: what is added to the query of the URL, or empty.
    """

    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    method: RequestMethod = RequestMethod.POST
    query: str = field(default="", repr=False)

    def with_field(self, name: str, value: str) -> BuiltRequest:
        """Return the same request with one more header field."""
        return replace(self, headers=self.headers | {name: value})

    def url(self, endpoint: str) -> str:
        """Return the URL of the request to an endpoint."""
        if not self.query:
            return endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{self.query}"


def build_token_request(grant: Grant, proof: Secret) -> BuiltRequest:
    """Build the request for `grant`; `proof` is a secret or a finished assertion.

    Raises:
        UnicodeEncodeError: some text cannot be encoded in UTF-8 (lone surrogates from the environment).
    """
    shape, fields = grant.request, token_fields(grant, proof)
    headers = _headers(grant, proof)
    if shape.method is RequestMethod.GET:
        del headers["Content-Type"]
        built = BuiltRequest(headers, None, shape.method, _joined((*shape.query, *fields)))
    elif shape.format is BodyFormat.JSON:
        headers["Content-Type"] = "application/json"
        body = json.dumps(_members(fields), ensure_ascii=False).encode()
        built = BuiltRequest(headers, body, shape.method, _joined(shape.query))
    else:
        built = BuiltRequest(headers, _form(*fields), shape.method, _joined(shape.query))
    return _with_owners(grant, built)


def token_fields(grant: Grant, proof: Secret) -> Fields:
    """Return the fields of the token request, under the names that they have on the wire."""
    own = (("grant_type", grant.grant_type), *proof_fields(grant, proof), *grant_fields(grant))
    shaped = tuple(_shaped(own, grant.request)) if grant.request != USUAL_REQUEST else own
    return *shaped, *grant.parameters


def build_request_about(grant: Grant, proof: Secret, token: Secret) -> BuiltRequest:
    """Build the request that revokes or introspects `token`.

    Raises:
        UnicodeEncodeError: as above.
    """
    # Where an assertion was the grant, the client has no other authentication: the token alone must do.
    proving = () if grant.grant_type == GrantType.JWT_BEARER else proof_fields(grant, proof)
    form = _form(("token", token.reveal()), ("token_type_hint", "access_token"), *proving)
    return _with_owners(grant, BuiltRequest(_headers(grant, proof), form))


def _shaped(own: Fields, shape: RequestShape) -> Iterator[tuple[str, str]]:
    names = {name.value: other for name, other in shape.names}
    omitted = {name.value for name in shape.omitted}
    yield from ((names.get(name, name), value) for name, value in own if name not in omitted)


def _members(fields: Fields) -> dict[str, str | list[str]]:
    """Return the fields as members of an object; one that occurs several times becomes a list."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _headers(grant: Grant, proof: Secret) -> dict[str, str]:
    headers = {
        "Accept": _accepted(grant),
        "Accept-Encoding": "identity",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if grant.method is AuthMethod.CLIENT_SECRET_BASIC:
        encode = _as_it_is if grant.legacy_unencoded else _encoded
        headers["Authorization"] = basic_credentials(grant.client_id, proof, encode)
    return headers


def _accepted(grant: Grant) -> str:
    token = None if grant.answer is None else grant.answer.token
    return "application/json" if token is None or isinstance(token, FromJson) else "*/*"


def _with_owners(grant: Grant, request: BuiltRequest) -> BuiltRequest:
    """Return the request with the owner's header fields, which replace ours of the same name."""
    owners = {name.lower() for name, _ in grant.headers}
    ours = {name: value for name, value in request.headers.items() if name.lower() not in owners}
    return replace(request, headers=ours | dict(grant.headers))


def proof_fields(grant: Grant, proof: Secret) -> Fields:
    """Return the form fields that authenticate the client."""
    if grant.grant_type == GrantType.JWT_BEARER:
        return (("assertion", proof.reveal()),)
    client_id = (OwnField.CLIENT_ID.value, grant.client_id)
    match grant.method:
        case AuthMethod.CLIENT_SECRET_BASIC:
            return ()
        case AuthMethod.CLIENT_SECRET_POST:
            return client_id, (OwnField.CLIENT_SECRET.value, proof.reveal())
        case AuthMethod.CLIENT_SECRET_JWT | AuthMethod.PRIVATE_KEY_JWT | AuthMethod.CLIENT_ASSERTION:
            kind = ("client_assertion_type", grant.assertion_type)
            return client_id, kind, ("client_assertion", proof.reveal())
        case AuthMethod.TLS_CLIENT_AUTH | AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH | AuthMethod.NONE:
            return (client_id,) if grant.client_id else ()
        case _:
            assert_never(grant.method)


def grant_fields(grant: Grant) -> Iterator[tuple[str, str]]:
    """Yield the fields that say which token is wanted, without credentials and the owner's parameters."""
    if grant.scope:
        yield "scope", " ".join(grant.scope)
    yield from (("audience", text) for text in grant.audience)
    yield from (("resource", text) for text in grant.resource)


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
