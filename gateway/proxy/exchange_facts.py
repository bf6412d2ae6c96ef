"""The facts of an exchange: those that others need, and why its request is sent again."""

from __future__ import annotations

from gateway.core.token import Token
from gateway.core.upstreams.signs import Sign
from gateway.proxy.outgoing.upstream import UpstreamConnection


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

    token: Token | None
    token_is_new: bool
    upstream: UpstreamConnection | None
    sent_s: float
    waited_s: float | None
    status: int

    @property
    def address(self) -> str:
        """Where it went, if there was a choice; or empty."""
        return ""

    def answered_s(self) -> float:
        """When its response arrived, on the stopwatch."""
        return self.sent_s + (self.waited_s or 0.0)


class Again:
    """How a request is sent again that has a choice of addresses.

    Attributes:
        avoids: rather to another address than the last one.
        reason: why it is retried; None: a connection had died before, as it would for a single address.
        tries: how often it was retried.
        has_told: the caller got an informational response, so its final one must come from there.
    """

    __slots__ = ("avoids", "has_told", "reason", "tries")

    def __init__(self) -> None:
        self.avoids = False
        self.reason: Sign | None = None
        self.tries = 0
        self.has_told = False
