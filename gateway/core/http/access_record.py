"""What is told of a request once it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.http.recovery import Recovery


@dataclass(slots=True)
class AccessRecord:
    """One request, told once, when it is over.

    Attributes:
        started_at_s: wall clock, seconds since 1970.
        route: the route's name, or ``-`` where none matched.
        caller: address of the peer, or ``unix``.
        forwarded_for: address of the client that a trusted proxy tells, or empty.
        path: the target without its query, as received.
        status: what the caller was answered; 499 if the caller left first.
        upstream_status: what the upstream answered last, or 0.
        error: the code of our own answer, or an empty text.
        request_bytes, answer_bytes: of the bodies, as relayed.
        total_s, token_s, upstream_s: durations; waiting for a token, and for an answer's head (None: there
            was no exchange).
        token: fingerprint of the token that the last exchange carried, or empty.
        cause: why, where `error` alone does not say it (`core.cause`), or empty.
    """

    started_at_s: float
    request_id: str
    route: str
    caller: str
    forwarded_for: str
    method: str
    path: str
    status: int
    upstream_status: int
    error: str
    request_bytes: int
    answer_bytes: int
    total_s: float
    token_s: float
    upstream_s: float | None
    token: str
    recovery: Recovery
    cause: str = ""


class RequestObserver(Protocol):
    """Is told of every request that is over."""

    def request_done(self, record: AccessRecord) -> None:
        """The answer is out, or the caller is gone."""
