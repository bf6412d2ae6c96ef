"""What observers receive about a request once it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.http.recovery import Recovery


@dataclass(slots=True, init=False)
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
        tunnel: what ended a tunnel, in its last record; empty in all others.
        close_code: of the first Close that passed in it; 0 if none did.
        caller_id: by which way the caller is known, and as whom: ``staff:alice``; empty if nobody asked.
        upstream_address: the address that the last exchange went to, if there was a choice; or empty.
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
    cause: str
    caller_id: str
    tunnel: str
    close_code: int
    upstream_address: str

    # Written out for compiled wheels: there `dataclass` would make an interpreted one, ten times as slow.
    def __init__(  # noqa: PLR0913, PLR0917
        self,
        started_at_s: float,
        request_id: str,
        route: str,
        caller: str,
        forwarded_for: str,
        method: str,
        path: str,
        status: int,
        upstream_status: int,
        error: str,
        request_bytes: int,
        answer_bytes: int,
        total_s: float,
        token_s: float,
        upstream_s: float | None,
        token: str,
        recovery: Recovery,
        cause: str = "",
        caller_id: str = "",
        tunnel: str = "",
        close_code: int = 0,
        upstream_address: str = "",
    ) -> None:
        self.started_at_s = started_at_s
        self.request_id = request_id
        self.route = route
        self.caller = caller
        self.forwarded_for = forwarded_for
        self.method = method
        self.path = path
        self.status = status
        self.upstream_status = upstream_status
        self.error = error
        self.request_bytes = request_bytes
        self.answer_bytes = answer_bytes
        self.total_s = total_s
        self.token_s = token_s
        self.upstream_s = upstream_s
        self.token = token
        self.recovery = recovery
        self.cause = cause
        self.caller_id = caller_id
        self.tunnel = tunnel
        self.close_code = close_code
        self.upstream_address = upstream_address


class RequestObserver(Protocol):
    """Receives every finished request."""

    def request_done(self, record: AccessRecord) -> None:
        """Receive the record of a request that was answered, or whose caller left."""
