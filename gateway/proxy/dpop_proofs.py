"""The proofs that go with a token which is bound to a key, and the nonces that upstreams want in them.

Rules (RFC 9449 sections 4, 8.2 and 9):

- Each exchange has a proof of its own: no ``jti`` is ever sent twice (section 11.1).
- The nonce of any answer to a proof is used from then on, for all requests to that upstream; callers, who
  made no proof, do not see it.
- A 401 that asks for a nonce and brings one is no refusal of the token: the request is sent once more, if its
  body is still at hand. The next such answer in a row passes.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.http.answer_head import challenges
from gateway.core.http.dpop_nonce import nonce_of_head, upstream_wants_nonce, without_nonce
from gateway.core.token import Prover, Token
from gateway.proxy.answer import Answer
from gateway.proxy.call import Call
from gateway.proxy.route import Route


class DpopProofs:
    """Makes the proofs of one request, and learns from the answers."""

    __slots__ = ("_call", "_has_repeated", "_pool", "_prover", "_uri")

    def __init__(self, call: Call, route: Route, prover: Prover) -> None:
        self._call = call
        self._pool = route.pool
        self._prover = prover
        self._uri = route.plan.uri(call.head)
        self._has_repeated = False

    def line(self) -> bytes:
        """Make the field for one exchange."""
        return b"DPoP: " + self._prover.proof(self._call.head.method, self._uri, self._pool.nonce)

    def must_repeat(self, answer: Answer | None) -> bool:
        """Take the nonce out of an answer, and tell whether the request is to be sent again with it."""
        assert answer is not None
        nonce = nonce_of_head(answer.lines)
        self._pool.nonce = nonce or self._pool.nonce
        answer.lines = without_nonce(answer.lines)
        if not nonce or self._has_repeated:
            return False
        is_replayable = self._call.may_be_replayed
        self._has_repeated = is_replayable and upstream_wants_nonce(answer.status, challenges(answer.lines))
        return self._has_repeated


def callers_lines(token: Token | None, answer: Answer) -> Sequence[bytes]:
    """Give the lines of an informational answer, whose nonce is not the caller's either."""
    is_proven = token is not None and token.prover is not None
    return without_nonce(answer.lines) if is_proven else answer.lines
