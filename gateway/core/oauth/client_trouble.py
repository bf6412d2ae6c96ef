"""Why a client has no token, as operators are told: whose fault it is, the cause, and which key to check.

The key is the one whose change may cure it. Where `gateway.yaml` need not be wrong (the server is down, its
certificate has expired) it is the one that leads to the server. RFC 6749 section 5.2 says what the registered
error codes mean.
"""

from __future__ import annotations

from typing import Final

from gateway.core.cause import TLS_KEYS, Cause
from gateway.core.oauth.client_facts import blames_secret
from gateway.core.oauth.token_answer import PROOF_CODES
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import AuthMethod, ClientName, ClientSettings, GrantType

_OF_CODES: Final = {
    "invalid_client": Cause.CREDENTIALS_REFUSED,
    "invalid_grant": Cause.CREDENTIALS_REFUSED,
    "invalid_scope": Cause.SCOPE_REFUSED,
    "invalid_target": Cause.RESOURCE_REFUSED,
    "unauthorized_client": Cause.CLIENT_NOT_ALLOWED,
    "access_denied": Cause.CLIENT_NOT_ALLOWED,
    **dict.fromkeys(PROOF_CODES, Cause.PROOF_REFUSED),
}
_OF_KINDS: Final = {
    FailureKind.REFUSED: Cause.REQUEST_REFUSED,
    FailureKind.INVALID: Cause.ANSWER_UNUSABLE,
    FailureKind.SLOW: Cause.ANSWER_TIMEOUT,
    FailureKind.UNREACHABLE: Cause.SERVER_FAILED,
    FailureKind.UNSENT: Cause.FILE_UNUSABLE,
}
_KEYS_OF_WAY: Final = {
    **TLS_KEYS,
    Cause.PROXY_FAILED: "proxy",
    Cause.CONNECT_TIMEOUT: "timeouts.connect",
    Cause.ANSWER_TIMEOUT: "timeout",
}
_KEYS: Final = {
    **_KEYS_OF_WAY,
    Cause.SCOPE_REFUSED: "scope",
    Cause.CLIENT_NOT_ALLOWED: "client_id",
    Cause.PROOF_REFUSED: "dpop_bound_access_tokens",
    Cause.REQUEST_REFUSED: "grant_type",
}


def cause_of(failed: Failed) -> Cause:
    """Return why there is no token."""
    if failed.cause is not None:
        return failed.cause
    if blames_secret(failed.status, failed):
        return Cause.CREDENTIALS_REFUSED
    return _OF_CODES.get(failed.code) or _OF_KINDS[failed.kind]


def key_of(failed: Failed, client: ClientSettings) -> str:
    """Return the key of `gateway.yaml` to check, in full: ``clients.crm.scope``."""
    return f"clients.{client.name}.{failed.key or _key(failed, client)}"


def key_of_login(failed: Failed, client: ClientName) -> str:
    """Return the same for a client that logs in."""
    return f"clients.{client}.{failed.key or _KEYS_OF_WAY.get(cause_of(failed), 'login')}"


def credential_key(client: ClientSettings) -> str:
    """Return the key, below the client, that holds its credential."""
    if client.grant.login is not None:
        return "login"
    match client.grant.method:
        case AuthMethod.CLIENT_SECRET_BASIC | AuthMethod.CLIENT_SECRET_POST | AuthMethod.CLIENT_SECRET_JWT:
            return "client_secret"
        case AuthMethod.CLIENT_ASSERTION:
            return "client_assertion"
        case AuthMethod.TLS_CLIENT_AUTH | AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH:
            return "tls.certificate"
        case AuthMethod.PRIVATE_KEY_JWT | AuthMethod.NONE:
            if client.grant.assertion is not None:
                return "private_key"
            return "client_id" if client.grant.grant_type in set(GrantType) else "parameters"


def _key(failed: Failed, client: ClientSettings) -> str:
    cause = cause_of(failed)
    if failed.code == "invalid_grant" and client.grant.grant_type not in set(GrantType):
        return "parameters"  # where the credentials of other grants are
    if cause is Cause.ANSWER_UNUSABLE and client.grant.answer is not None and 200 <= failed.status < 300:
        return "answer"
    if cause is Cause.CREDENTIALS_REFUSED:
        return credential_key(client)
    if cause is Cause.RESOURCE_REFUSED:
        return "resource" if client.grant.resource else "audience"
    return _KEYS.get(cause) or ("issuer" if client.grant.token_endpoint is None else "token_endpoint")
