"""Where an authorization server deviates from RFC 6749, in plain sentences, each with a hint.

The gateway copes with all of this, or the report already says why not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.oauth.jwt_claims import read_claims
from gateway.core.oauth.lifetime import LONGEST_LIFE_S, read_expires_in
from gateway.core.oauth.server_answer import ServerAnswer, is_transient_status
from gateway.core.oauth.token_answer import PROOF_CODES, REGISTERED_CODES, missing_scope, scope_words
from gateway.core.oauth.token_type import type_named
from gateway.core.settings.client_settings import AuthMethod, Grant
from gateway.core.text.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation from the RFC. Both texts are ours, except for names of members."""

    what: str
    hint: str


ADVICE: Final = {
    "invalid_client": "check client_id and client_secret; the server may know another "
    "token_endpoint_auth_method for this client, or may not form-decode Basic credentials: "
    "try legacy_unencoded or client_secret_post",
    "invalid_scope": "request only scopes that this client is registered for, or remove scope",
    "invalid_grant": "check client_id, assertion_subject and assertion_audience, and that the server knows "
    "the public key; compare the clocks",
    "unauthorized_client": "allow this grant for the client at the authorization server",
    "unsupported_grant_type": "check that token_endpoint is the token endpoint and serves this grant_type",
    "invalid_request": "a parameter is missing: many servers require audience, resource or scope",
    "invalid_target": "check audience and resource",
    "access_denied": "authorize the client for this audience at the authorization server",
    "invalid_dpop_proof": "compare the clocks, and check that the server supports dpop_signing_alg",
    "use_dpop_nonce": "the server requires a nonce but accepts none of its own: check the server's log",
}
"""What to change in `gateway.yaml` or at the server, by registered error code."""

_CERTIFICATE_ADVICE: Final = (
    "check client_id, that the server knows this certificate (or its subject), "
    "and that it requests a certificate at this token_endpoint"
)
_INVALID_CLIENT: Final = {
    AuthMethod.CLIENT_SECRET_JWT: "check client_id, client_secret and token_endpoint_auth_signing_alg, and "
    "whether the server expects its issuer as assertion_audience; compare the clocks",
    AuthMethod.PRIVATE_KEY_JWT: "check client_id, that the server knows the public key (by kid, where it "
    "has several) and token_endpoint_auth_signing_alg, and whether it expects its issuer as "
    "assertion_audience; compare the clocks",
    AuthMethod.CLIENT_ASSERTION: "compare issuer, subject and audience of the assertion with what the "
    "server trusts, and check that the file is renewed in time",
    AuthMethod.TLS_CLIENT_AUTH: _CERTIFICATE_ADVICE,
    AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH: _CERTIFICATE_ADVICE,
    AuthMethod.NONE: "the server requires authentication: set another token_endpoint_auth_method",
}

_IN_VAIN: Final = "every setting that was tried was refused"
_SECRET_ADVICE: Final = f"check client_id and client_secret, and whether the client is enabled: {_IN_VAIN}"
_AFTER_TRIALS: Final = {
    AuthMethod.CLIENT_SECRET_BASIC: _SECRET_ADVICE,
    AuthMethod.CLIENT_SECRET_POST: _SECRET_ADVICE,
    AuthMethod.CLIENT_SECRET_JWT: "check client_id, client_secret and token_endpoint_auth_signing_alg, and "
    f"compare the clocks: {_IN_VAIN}",
    AuthMethod.PRIVATE_KEY_JWT: "check client_id, token_endpoint_auth_signing_alg, and that the server knows "
    f"the public key (by kid, where it has several), and compare the clocks: {_IN_VAIN}",
}
"""What remains to check after `alternatives` failed."""

_OTHER_TYPE: Final = {
    "Bearer": "without dpop_bound_access_tokens the gateway sends bearer tokens only (RFC 6750); "
    "if this is a bearer token under another name, write token_type: bearer",
    "DPoP": "make the server bind the client's tokens (RFC 9449 section 5), or write dpop_allow_bearer: true",
}


_CERTIFICATE_METHODS: Final = frozenset((AuthMethod.TLS_CLIENT_AUTH, AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH))


def advice_on(code: str, method: AuthMethod, status: int | None = None, *, has_tried: bool = False) -> str:
    """Return what to change after an error code, or an empty text; leave out what was tried already.

    With 401, many servers blame the secret under another code (``unauthorized_client``, ``access_denied``).
    """
    if code == "invalid_client" or (status == 401 and code not in PROOF_CODES):
        left = _AFTER_TRIALS.get(method) if has_tried else None
        return left or _INVALID_CLIENT.get(method) or ADVICE["invalid_client"]
    return ADVICE.get(code, "")


def find_deviations(answer: ServerAnswer, grant: Grant) -> tuple[Deviation, ...]:
    """Return every deviation in the response to a request for `grant`, the most serious first."""
    document = answer.members()
    if document is None:
        return tuple(_without_document(answer))
    if document.get("error"):
        return tuple(_in_error(answer, document, grant))
    if not 200 <= answer.status < 300:
        return (Deviation(f"status {answer.status} without an error code", "section 5.2 requires `error`"),)
    return (*_in_token(document, grant), *_in_envelope(answer))


def _without_document(answer: ServerAnswer) -> Iterator[Deviation]:
    if 300 <= answer.status < 400:
        yield Deviation("a redirect", "the gateway follows none: set token_endpoint to where it points")
    elif answer.header("content-encoding") not in {"", "identity"}:
        what = "the response uses a compression that the gateway cannot decode"
        yield Deviation(what, "the gateway requests identity: turn compression off at the server")
    elif not is_transient_status(answer.status):
        kind = answer.header("content-type").partition(";")[0] or "no content type"
        yield Deviation(
            f"the body is not a JSON object (content type: {kind[:60]!r})",
            "check that token_endpoint is the token endpoint, not a login page or a parent path",
        )


def _in_error(answer: ServerAnswer, document: JsonObject, grant: Grant) -> Iterator[Deviation]:
    error = document["error"]
    if not isinstance(error, str) or error not in REGISTERED_CODES:
        yield Deviation("`error` is not a registered code (section 5.2)", "check the server's log")
    if answer.status < 300:
        yield Deviation(f"an error with status {answer.status}", "it should be 400 or 401 (section 5.2)")
    elif answer.status not in {400, 401} and not is_transient_status(answer.status):
        yield Deviation(
            f"an error with status {answer.status}", "it should be 400, or 401 for invalid_client"
        )
    if error == "invalid_client" and grant.method is AuthMethod.CLIENT_SECRET_BASIC:
        yield from _in_basic_refusal(answer)


def _in_basic_refusal(answer: ServerAnswer) -> Iterator[Deviation]:
    if answer.status != 401:
        yield Deviation(
            f"invalid_client with status {answer.status}, although a Basic header was sent",
            "it must be 401 (section 5.2); the secret is wrong, or the server does not read the header",
        )
    elif not answer.header("www-authenticate"):
        yield Deviation("401 without WWW-Authenticate", "RFC 9110 section 15.5.2 requires a challenge")


def _in_token(document: JsonObject, grant: Grant) -> Iterator[Deviation]:
    if not isinstance(document.get("access_token"), str):
        yield Deviation("`access_token` is missing", "section 5.1 requires it")
    yield from _in_type(document.get("token_type"), "Bearer" if grant.dpop is None else "DPoP")
    yield from _in_binding(document, grant)
    yield from _in_lifetime(document)
    yield from in_scope(document.get("scope"), grant.scope)
    if "refresh_token" in document:
        yield Deviation("a `refresh_token` is included", "it should not be (section 4.4.3); it is ignored")


def _in_type(token_type: object, expected: str) -> Iterator[Deviation]:
    named = type_named(token_type)
    if named == "":
        yield Deviation("`token_type` is missing", f"section 5.1 requires it; {expected} is assumed")
    elif named != expected.lower():
        yield Deviation(f"`token_type` is not {expected}", _OTHER_TYPE[expected])
    elif token_type != expected:
        what = f"`token_type` is not spelled {expected}"
        yield Deviation(what, f"case does not matter; {expected} is sent")


def _in_binding(document: JsonObject, grant: Grant) -> Iterator[Deviation]:
    """A bound JWT says to which key (RFC 7800 section 3.1); an opaque token does not."""
    claims = read_claims(str(document.get("access_token")))
    if claims is None:
        return
    bound_to = claims.get("cnf")
    members = bound_to if isinstance(bound_to, dict) else {}
    if grant.dpop is not None and "jkt" not in members:
        what = "the token is not bound to our key: no `cnf` with `jkt` (RFC 9449 section 6)"
        yield Deviation(what, "make the server bind this client's tokens with DPoP")
    if grant.method in _CERTIFICATE_METHODS and "x5t#S256" not in members:
        what = "the token is not bound to our certificate: no `cnf` with `x5t#S256` (RFC 8705 section 3)"
        yield Deviation(what, "if that is intended, write tls_client_certificate_bound_access_tokens: false")


def _in_lifetime(document: JsonObject) -> Iterator[Deviation]:
    stated, seconds = document.get("expires_in"), read_expires_in(document.get("expires_in"))
    if stated is None:
        yield Deviation("`expires_in` is missing", "the exp of a JWT counts, otherwise default_lifetime")
    elif seconds is None:
        yield Deviation("`expires_in` is not a number", "it is ignored; default_lifetime may apply")
    elif not 0 < seconds <= LONGEST_LIFE_S:
        yield Deviation("`expires_in` is not a plausible duration", "it should be seconds from now")
    elif isinstance(stated, str):
        yield Deviation("`expires_in` is a string", "section 5.1 requires a number; it is accepted anyway")


def in_scope(stated: object, asked: tuple[str, ...]) -> Iterator[Deviation]:
    """Yield what is odd about the scope of an answer."""
    if stated is not None and not isinstance(stated, str):
        yield Deviation("`scope` is not a string", "section 3.3 requires words separated by single spaces")
    missing = missing_scope(asked, scope_words(stated, asked))
    if missing:
        words = " ".join(missing)
        yield Deviation(
            f"the server granted less than requested: {words} missing", "allow it for this client"
        )


def _in_envelope(answer: ServerAnswer) -> Iterator[Deviation]:
    if answer.header("content-encoding") not in {"", "identity"}:
        yield Deviation("the response is compressed", "the gateway requests identity; it decodes this anyway")
    if answer.status != 200:
        yield Deviation(f"a token with status {answer.status}", "it should be 200 (section 5.1)")
    if answer.is_form:
        yield Deviation("the response is form-encoded", "section 5.1 requires JSON; it is accepted anyway")
    elif answer.header("content-type").partition(";")[0].strip().lower() != "application/json":
        yield Deviation("the content type is not application/json", "section 5.1 requires it")
    if "no-store" not in answer.header("cache-control").lower():
        yield Deviation("`Cache-Control: no-store` is missing", "caches on the way may store the token")
