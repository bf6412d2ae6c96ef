"""The proofs that accompany a token bound to a key, and the nonces that upstreams want in them.

Rules (RFC 9449 sections 4, 8.2 and 9):

- Each exchange has its own proof: no ``jti`` is ever sent twice (section 11.1).
- A nonce in any response to a proof is used from then on, in all requests to that upstream. Callers did not
  make the proof, so they do not see the nonce.
- A 401 that asks for a nonce and provides one does not refuse the token. The request is sent again, if its
  body is still at hand. A second such response in a row passes to the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.http.answer_head import challenges
from gateway.core.http.dpop_nonce import nonce_of_head, upstream_wants_nonce, without_nonce
from gateway.core.token import Prover, Token
from gateway.proxy.call import Call
from gateway.proxy.outgoing.answer import Answer
from gateway.proxy.route import Route


class DpopProofs:
    """Makes the proofs of one request, and takes nonces from the responses.

    Attributes:
        has_repeated: the last response asked for a nonce, and the request is sent again for it.
    """

    __slots__ = ("_call", "_pool", "_prover", "_uri", "has_repeated")

    def __init__(self, call: Call, route: Route, prover: Prover) -> None:
        self._call = call
        self._prover = prover
        self.has_repeated = False
        self.lead(route)

    def lead(self, route: Route) -> None:
        """Make proofs for the upstream of `route` from now on."""
        self._pool = route.pool
        self._uri = route.plan.uri(self._call.head)

    def line(self) -> bytes:
        """Make the ``DPoP`` field for one exchange."""
        return b"DPoP: " + self._prover.proof(self._call.head.method, self._uri, self._pool.nonce)

    def must_repeat(self, answer: Answer | None) -> bool:
        """Remove the nonce from a response and remember it; return whether to send the request again."""
        assert answer is not None
        nonce = nonce_of_head(answer.lines)
        self._pool.nonce = nonce or self._pool.nonce
        answer.lines = without_nonce(answer.lines)
        if not nonce or self.has_repeated:
            return False
        is_replayable = self._call.may_be_replayed
        self.has_repeated = is_replayable and upstream_wants_nonce(answer.status, challenges(answer.lines))
        return self.has_repeated


def callers_lines(token: Token | None, answer: Answer) -> Sequence[bytes]:
    """Return the lines of an informational response, without a nonce meant for the gateway."""
    is_proven = token is not None and token.prover is not None
    return without_nonce(answer.lines) if is_proven else answer.lines
