"""What is known of a client besides its token: its endpoint, and which of its secrets works. No secrets."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_answer import PROOF_CODES
from gateway.core.oauth.token_outcome import Failed, FailureKind, Outcome


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """Facts that may be shown.

    Attributes:
        token_endpoint: empty until its issuer has been asked.
        secret: which of the `secrets` is in use, from 1.
        objections: how the server's metadata contradicts the settings.
        accepted: the secret that the server accepted last, as it was then; None before the first token.
        names: the names of all secrets, as they are now.
        issuer: the authorization server's identifier, if it is configured.
        method: how the client authenticates, as it is written in `gateway.yaml`.
        asked_scope: what is requested.
    """

    token_endpoint: str = field(repr=False)
    secret: int
    secrets: int
    objections: tuple[str, ...]
    accepted: SecretName | None = None
    names: tuple[SecretName, ...] = ()
    issuer: str | None = None
    method: str = ""
    asked_scope: tuple[str, ...] = ()


def blames_secret(status: int, outcome: Outcome) -> bool:
    """Whether the secret was refused, so that another one may be tried (RFC 6749 section 5.2).

    In the field, servers answer a wrong secret with 401 and any code (``unauthorized_client``,
    ``access_denied``), or with 400 or 403 and no registered code.
    """
    if not isinstance(outcome, Failed) or outcome.kind is not FailureKind.REFUSED:
        return False
    if outcome.code in PROOF_CODES:  # the proof of possession was refused, not the secret
        return False
    return outcome.code in {"invalid_client", ""} or status == 401
