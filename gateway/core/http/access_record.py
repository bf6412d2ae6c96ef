"""What observers are told of a request once it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.http.recovery import Recovery


@dataclass(slots=True)
class AccessRecord:
    """One request that is over. Not changed afterwards: an observer may read it later.

    Attributes:
        started_at_s: wall clock, seconds since 1970.
        route: the route's name, or ``-`` where none matched.
        caller: the peer's address, or ``unix``.
        forwarded_for: the client's address that a trusted proxy named, or empty.
        path: the target without its query, as received.
        status: what the caller got; 499 if the caller left first.
        upstream_status: the upstream's last status, or 0.
        error: the code of our own answer, or empty.
        request_bytes, answer_bytes: of the bodies, as relayed.
        total_s: how long it took.
        token_s, upstream_s: how long it waited for tokens, and for the head of the upstream's response (None:
            there was no exchange).
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
    """Told of every request that is over."""

    def request_done(self, record: AccessRecord) -> None:
        """Take the record of a request whose answer is out, or whose caller is gone."""
