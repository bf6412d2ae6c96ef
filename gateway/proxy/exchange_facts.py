"""The facts of an exchange that others need: deadlines, buffers, the access record."""

from __future__ import annotations

from gateway.core.token import Token
from gateway.proxy.upstream import UpstreamConnection


class ExchangeFacts:
    """The progress of one request to one upstream; written by `proxy.exchange` alone.

    Attributes:
        token: the token that the request carries, or None.
        token_is_new: the token was obtained for this very request.
        upstream: its connection; None before there is one, and once it may belong to another call.
        sent_s: when the exchange began, on the stopwatch.
        waited_s: the time from there to the head of the response, or to the failure; None until then.
        status: the upstream's status; until it responds, that of the previous exchange, or 0.
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
        """When its response arrived, on the stopwatch."""
        return self.sent_s + (self.waited_s or 0.0)
