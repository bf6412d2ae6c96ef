"""A route at work: its settings and all that was prepared for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.core.http.fields import without
from gateway.core.http.outbound import OutboundPlan, added_lines, removed_names
from gateway.core.http.recovery import Acceptance, Recovery, RefusalMemory, target_digest
from gateway.core.settings import RouteSettings
from gateway.core.token import Token, TokenSource
from gateway.observe.route_health import RouteHealth
from gateway.proxy.pool import Pool


class RouteCounters(Protocol):
    """Where a route counts; see `observe.route_metrics`."""

    def started(self) -> None:
        """A request was matched to the route."""

    def connection_retried(self) -> None:
        """A request was sent anew, its pooled connection having died."""

    def nonce_retried(self) -> None:
        """A request was sent anew with the nonce that the upstream asked for (RFC 9449 section 9)."""

    def done(  # noqa: PLR0913, PLR0917 - the one hot call; an object per request would cost more
        self,
        status: int,
        total_s: float,
        upstream_s: float | None,
        request_bytes: int,
        answer_bytes: int,
        recovery: Recovery,
        error_code: str,
    ) -> None:
        """Count one request that is over."""


class Route:
    """A rule of `gateway.yaml` with its connections, its tokens, its counters and its troubles.

    Attributes:
        leaves_date: the owner's rules say what becomes of the answer's ``Date``.
        refusals: what it remembers of refused tokens.
        acceptance: of its tokens at its upstream; routes with the same source and upstream share it.
    """

    __slots__ = (
        "_answer_added",
        "_answer_removed",
        "acceptance",
        "counters",
        "health",
        "leaves_date",
        "plan",
        "pool",
        "refusals",
        "settings",
        "source",
        "timeouts",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - what it joins is made elsewhere, and shared in part
        self,
        settings: RouteSettings,
        pool: Pool,
        source: TokenSource | None,
        counters: RouteCounters,
        acceptance: Acceptance,
        health: RouteHealth,
    ) -> None:
        self.settings = settings
        self.timeouts = settings.timeouts
        self.plan = OutboundPlan(settings)
        self.pool = pool
        self.source = source
        self.counters = counters
        self.refusals = RefusalMemory()
        self.acceptance = acceptance
        self.health = health
        self._answer_added = added_lines(settings.response_headers)
        self._answer_removed = removed_names(settings.response_headers)
        self.leaves_date = b"date" in self._answer_removed

    def __repr__(self) -> str:
        return f"<Route {self.settings.name}>"

    def note_accepted(self, token: Token, at_s: float, method: str, path: str) -> None:
        """Note that the upstream accepted `token` at `at_s` on the stopwatch; on the hot path."""
        acceptance, refusals = self.acceptance, self.refusals
        acceptance.token = refusals.accepted = token
        acceptance.at_s = at_s
        if not refusals.is_empty:
            refusals.forget(target_digest(method, path))

    def answer_lines(self, lines: Sequence[bytes], dropped: frozenset[bytes]) -> Sequence[bytes]:
        """Give the lines of an answer as the caller gets them."""
        if dropped or self._answer_removed:
            lines = self.without_removed(lines, dropped)
        return [*lines, *self._answer_added] if self._answer_added else lines

    def without_removed(self, lines: Sequence[bytes], dropped: frozenset[bytes]) -> Sequence[bytes]:
        """Give the lines of an answer's head, or its trailers, that pass."""
        removed = self._answer_removed
        return without(lines, dropped | removed) if dropped or removed else lines
