"""What is known of an exchange, for those who look at it from outside: deadlines, buffers, the record."""

from __future__ import annotations

from gateway.core.token import Token
from gateway.proxy.upstream import UpstreamConnection


class ExchangeFacts:
    """One request to one upstream, as far as it got. `proxy.exchange` writes it, others read.

    Attributes:
        token: what the request carries, or None.
        token_is_new: it was obtained for this very request.
        upstream: the connection it is on; None before there is one, and once it may be another call's.
        sent_s: when it began, on the stopwatch.
        waited_s: from there to the head of the answer, or to the failure; None while it lasts.
        status: what the upstream answered, at last; that of the exchange before until it does; 0 if none did.
    """

    __slots__ = ("sent_s", "status", "token", "token_is_new", "upstream", "waited_s")

    def __init__(self, token: Token | None, sent_s: float, last_status: int, *, token_is_new: bool) -> None:
        self.token = token
        self.token_is_new = token_is_new
        self.upstream: UpstreamConnection | None = None
        self.sent_s = sent_s
        self.waited_s: float | None = None
        self.status = last_status

    @property
    def answered_s(self) -> float:
        """When its answer came, on the stopwatch."""
        return self.sent_s + (self.waited_s or 0.0)
