"""What is known of a client beyond its token: where it asks, and which of its secrets works. No secret."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_answer import PROOF_CODES
from gateway.core.oauth.token_outcome import Failed, FailureKind, Outcome


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """To be shown.

    Attributes:
        token_endpoint: empty while its issuer was not yet asked.
        secret: which of `secrets` is in use, from 1.
        objections: what the server's metadata says against the settings.
        accepted: the secret that the server accepted last, as it was then; None before the first token.
        names: of all secrets, as they are now.
    """

    token_endpoint: str = field(repr=False)
    secret: int
    secrets: int
    objections: tuple[str, ...]
    accepted: SecretName | None = None
    names: tuple[SecretName, ...] = ()


def blames_secret(status: int, outcome: Outcome) -> bool:
    """Tell whether another secret may be taken where this one was refused (RFC 6749 section 5.2).

    Servers that are met answer a wrong secret with 401 and any code (``unauthorized_client``,
    ``access_denied``), or with 400 or 403 and no code that is registered.
    """
    if not isinstance(outcome, Failed) or outcome.kind is not FailureKind.REFUSED:
        return False
    if outcome.code in PROOF_CODES:  # the proof of possession was refused, whatever the secret is
        return False
    return outcome.code in {"invalid_client", ""} or status == 401
