"""What observers receive about a request once it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.http.recovery import Recovery


@dataclass(slots=True)
class AccessRecord:
    """A finished request. It does not change any more: an observer may read it later.

    Attributes:
        started_at_s: wall clock, seconds since 1970.
        route: the route's name, or ``-`` where none matched.
        caller: the peer's address, or ``unix``.
        forwarded_for: the client's address as reported by a trusted proxy, or empty.
        path: the target without its query, as received.
        status: what the caller got; 499 if the caller left first.
        upstream_status: the upstream's last status, or 0.
        error: the code of our own error response, or empty.
        request_bytes, answer_bytes: sizes of the bodies, as relayed.
        total_s: how long it took.
        token_s: how long it waited for tokens.
        upstream_s: how long it waited for the head of the upstream's response; None if there was no exchange.
        token: the fingerprint of the token that the last exchange carried, or empty.
        cause: why it failed, if `error` alone does not say (`core.cause`), or empty.
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
    """Receives every finished request."""

    def request_done(self, record: AccessRecord) -> None:
        """Receive the record of a request that was answered, or whose caller left."""
