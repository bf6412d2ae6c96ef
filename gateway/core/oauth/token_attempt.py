"""One question to an authorization server as it went: what was sent, what came back, what it means."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.dpop import nonce_of_text
from gateway.core.oauth.client_facts import blames_secret
from gateway.core.oauth.dpop_proof import endpoint_wants_nonce
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, Outcome
from gateway.core.secret import Secret


@dataclass(frozen=True, slots=True)
class TokenAttempt:
    """One token request.

    Attributes:
        number: of the secret that was taken, from 0.
        proof: the secret or the assertion.
        dpop_proof: the proof of the key that the token shall be bound to, or None.
    """

    url: str = field(repr=False)
    number: int
    proof: Secret
    dpop_proof: Secret | None
    answer: ServerAnswer | Failed
    outcome: Outcome
    took_s: float

    @property
    def was_sent(self) -> bool:
        """Whether anything of it may have reached the server."""
        return self.answer.was_sent if isinstance(self.answer, Failed) else True

    @property
    def wants_nonce(self) -> bool:
        """Whether the same request is to be sent again, with the nonce that the answer brought."""
        answer = self.answer
        if self.dpop_proof is None or isinstance(answer, Failed) or not nonce_in(answer):
            return False
        return endpoint_wants_nonce(answer.status, str((answer.document() or {}).get("error")))

    @property
    def blames_secret(self) -> bool:
        """Whether the server refused the very secret."""
        return isinstance(self.answer, ServerAnswer) and blames_secret(self.answer.status, self.outcome)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what came of it; no attempts, where nothing could be sent."""

    attempts: tuple[TokenAttempt, ...]
    outcome: Outcome


def nonce_in(answer: ServerAnswer) -> str:
    """Give the nonce that an answer brings (RFC 9449 section 8), or an empty text."""
    return nonce_of_text(answer.header("dpop-nonce"))
