"""What must fit together in one client: which keys its method of authentication requires and uses.

Rules:

- A key that only some methods use is refused with the others, where it would have no effect.
- The HS algorithms sign with the secret, all others with a private key (RFC 7518 section 3.1).
- A certificate is presented in a TLS handshake, so the token endpoint is https (RFC 8705 section 2).
- An id with a colon cannot be sent unencoded (RFC 7617 section 2).
- The token endpoint is written or discovered from the issuer; so is the revocation endpoint.
- Keys that refine another key (`dpop_...`, ``revocation_endpoint``) are refused without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.clients.client_method import (
    CERTIFICATE_METHODS,
    KEYS_OF_JWT_BEARER,
    METHODS_OF,
    client_method,
    credential_key,
    is_jwt_bearer,
    is_signing,
    server_urls,
)
from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.send_rules import send_findings, unknown_parts
from gateway.config.problems import Loc, Mistake, any_of
from gateway.config.spelling import close_to
from gateway.config.values.strict import keys_of
from gateway.core.settings.client_settings import AuthMethod, GrantType
from gateway.core.settings.upstream_settings import Scheme

_KEYS: Final = keys_of(ClientModel, ClientModel.model_fields)
_KEYS_OF_DPOP: Final = ("dpop_private_key", "dpop_signing_alg", "dpop_allow_bearer")
_ASYMMETRIC: Final = "an RS, PS or ES algorithm, or EdDSA"
_ONLY_OF_JWT_BEARER: Final = ("assertion_subject",)


def client_findings(loc: Loc, client: ClientModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield what does not fit together; `wrong` has the keys that are present but invalid."""
    if client.login is not None or wrong & {
        (*loc, "login"),
        (*loc, "token_endpoint_auth_method"),
        (*loc, "grant_type"),
    }:
        return  # what fits a login is in `login_rules`
    if client.client_id is None and not _is_nobody(client) and not _was_meant(loc, "client_id", wrong):
        yield Mistake((*loc, "client_id"), "missing key: it is required", is_about_key=True)
    if is_jwt_bearer(client) and client_method(client) is not AuthMethod.NONE:
        words = "the assertion of this grant_type authenticates the client: write none, or remove the key"
        yield Mistake((*loc, "token_endpoint_auth_method"), words)
        return
    yield from _misplaced(loc, client)
    yield from _missing(loc, client, wrong)
    yield from _certificate(loc, client, wrong)
    yield from _another_family(loc, client)
    yield from _nowhere(loc, client, wrong)
    yield from _without_main_key(loc, client, wrong)
    if (*loc, "send") not in wrong:  # else its items do not stand where they stood
        yield from send_findings((*loc, "send"), client.send or (), is_bound=client.dpop)
        yield from unknown_parts((*loc, "send"), client.send or (), client)
    if client.legacy_unencoded and ":" in (client.client_id or ""):
        yield Mistake(
            (*loc, "client_id"),
            "an id with a colon cannot be sent unencoded: remove legacy_unencoded (RFC 7617 section 2)",
        )


def _is_nobody(client: ClientModel) -> bool:
    """Whether the server may know no clients at all: then there is no id either."""
    return client.method is AuthMethod.NONE and not is_jwt_bearer(client)


def _misplaced(loc: Loc, client: ClientModel) -> Iterator[Mistake]:
    for key in sorted(_given_keys(client)):
        if owners := _other_owners(key, client):
            words = f"has no effect with {_kind(client)}, only with {owners}: remove it"
            yield Mistake((*loc, key), words, is_about_key=True)


def _given_keys(client: ClientModel) -> frozenset[str]:
    return keys_of(ClientModel, client.model_fields_set)


def _other_owners(key: str, client: ClientModel) -> str:
    """Return which methods or grant use a key that has no effect here; an empty text if it has one."""
    if key in _ONLY_OF_JWT_BEARER:
        return "" if is_jwt_bearer(client) else GrantType.JWT_BEARER.value
    methods = METHODS_OF.get(key)
    is_known = methods is None or client_method(client) in methods
    if is_known or (is_jwt_bearer(client) and key in KEYS_OF_JWT_BEARER):
        return ""
    return any_of(sorted(one.value for one in methods or ()))


def _missing(loc: Loc, client: ClientModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    key = credential_key(client)
    if key is not None and getattr(client, key) is None and not _was_meant(loc, key, wrong):
        yield _is_missing((*loc, key), _kind(client))


def _certificate(loc: Loc, client: ClientModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    has_one = client.tls is not None and client.tls.certificate is not None
    because = _why_certificate(client)
    if because and not has_one and (*loc, "tls") not in wrong:
        yield _is_missing((*loc, "tls", "certificate"), because)
    for key, endpoint in server_urls(client) if has_one else ():
        if endpoint.scheme is not Scheme.HTTPS:
            yield Mistake((*loc, *key), "a client certificate requires https://")


def _why_certificate(client: ClientModel) -> str:
    method = client_method(client)
    if method in CERTIFICATE_METHODS:
        return method.value
    return "tls_client_certificate_bound_access_tokens" if client.certificate_bound else ""


def _another_family(loc: Loc, client: ClientModel) -> Iterator[Mistake]:
    method, algorithm = client_method(client), client.signing_algorithm
    if algorithm is None or not is_signing(client):
        return
    if algorithm.is_symmetric != (method is AuthMethod.CLIENT_SECRET_JWT):
        fitting = _ASYMMETRIC if algorithm.is_symmetric else "HS256, HS384 or HS512"
        yield Mistake(
            (*loc, "token_endpoint_auth_signing_alg"), f"cannot be used with {_kind(client)}: write {fitting}"
        )


def _nowhere(loc: Loc, client: ClientModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    is_discovered = client.token_endpoint is None and client.issuer is not None
    if client.token_endpoint is None and client.issuer is None and not _were_meant(loc, wrong):
        words = "missing key: write token_endpoint, or issuer to discover it"
        yield Mistake((*loc, "token_endpoint"), words, is_about_key=True)
    if client.assertion_audience == "issuer" and client.issuer is None:
        yield Mistake((*loc, "assertion_audience"), "refers to the issuer, but the key issuer is missing")
    if client.revoke and client.revocation_endpoint is None and not is_discovered:
        words = "missing key: with token_endpoint nothing is discovered, so write the URL to revoke tokens at"
        yield Mistake((*loc, "revocation_endpoint"), words, is_about_key=True)


def _were_meant(loc: Loc, wrong: frozenset[Loc]) -> bool:
    return any(_was_meant(loc, key, wrong) for key in ("token_endpoint", "issuer"))


def _without_main_key(loc: Loc, client: ClientModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    for main, is_on, keys in (
        ("dpop_bound_access_tokens: true", client.dpop, _KEYS_OF_DPOP),
        ("revoke: true", client.revoke, ("revocation_endpoint",)),
        (
            "assertion_certificate",
            client.assertion_certificate is not None or _was_meant(loc, "assertion_certificate", wrong),
            ("assertion_certificate_headers",),
        ),
    ):
        for key in keys if not is_on else ():
            if key in _given_keys(client) and not _other_owners(key, client):
                words = f"has no effect without {main}: add that, or remove this key"
                yield Mistake((*loc, key), words, is_about_key=True)
    if client.dpop_signing_alg is not None and client.dpop_signing_alg.is_symmetric:
        words = f"a proof is signed with a private key: write {_ASYMMETRIC} (RFC 9449 section 4.2)"
        yield Mistake((*loc, "dpop_signing_alg"), words)
    if client.token_type is not None and client.dpop and not client.dpop_allow_bearer:
        words = "contradicts dpop_bound_access_tokens: remove one of the two, or add dpop_allow_bearer: true"
        yield Mistake((*loc, "token_type"), words)


def _kind(client: ClientModel) -> str:
    return GrantType.JWT_BEARER.value if is_jwt_bearer(client) else client_method(client).value


def _was_meant(loc: Loc, key: str, wrong: frozenset[Loc]) -> bool:
    """Return whether a key is misspelt, or present but invalid: then it is not reported as missing too."""
    there = (str(one[-1]) for one in wrong if one[:-1] == loc)
    return any(close_to(name, _KEYS) == key for name in there)


def _is_missing(loc: Loc, because: str) -> Mistake:
    return Mistake(loc, f"missing key: {because} requires it", is_about_key=True)
