"""A token request as it went: what was sent, what came back, what it means."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.dpop import nonce_of_text
from gateway.core.oauth.client_facts import blames_secret
from gateway.core.oauth.dpop_proof import endpoint_wants_nonce
from gateway.core.oauth.picks import NotMet, NotPicked
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, Outcome
from gateway.core.secret import Secret


@dataclass(frozen=True, slots=True)
class TokenAttempt:
    """One HTTP request for a token.

    Attributes:
        number: which of the client's secrets was used, from 0.
        proof: the secret or the assertion.
        dpop_proof: proof of the key that the token will be bound to, or None.
        verb: the method of the request.
        step: its number among the requests that one credential takes, from 0.
        steps: how many these are.
        missing: what was looked for in the answer, and not found or not as expected.
    """

    url: str = field(repr=False)
    number: int
    proof: Secret
    dpop_proof: Secret | None
    answer: ServerAnswer | Failed
    outcome: Outcome
    took_s: float
    verb: str = "POST"
    step: int = 0
    steps: int = 1
    missing: tuple[NotPicked | NotMet, ...] = ()

    @property
    def was_sent(self) -> bool:
        """Whether anything of it may have reached the server."""
        return self.answer.was_sent if isinstance(self.answer, Failed) else True

    @property
    def wants_nonce(self) -> bool:
        """Whether the request should be repeated with the nonce in its answer."""
        answer = self.answer
        if self.dpop_proof is None or isinstance(answer, Failed) or not nonce_in(answer):
            return False
        return endpoint_wants_nonce(answer.status, str((answer.members() or {}).get("error")))

    @property
    def blames_secret(self) -> bool:
        """Whether the server refused this very secret."""
        return isinstance(self.answer, ServerAnswer) and blames_secret(self.answer.status, self.outcome)


@dataclass(frozen=True, slots=True)
class Asked:
    """All attempts of one token request, and its outcome. There are none if nothing could be sent."""

    attempts: tuple[TokenAttempt, ...]
    outcome: Outcome


def nonce_in(answer: ServerAnswer) -> str:
    """Return the nonce in an answer (RFC 9449 section 8), or an empty string."""
    return nonce_of_text(answer.header("dpop-nonce"))
