"""What is counted for the requests of one route.

Rules: a request costs one call, `RouteMetrics.done`, on an object that was prepared with its route: plain
numbers, no lock, no label look-up. Only the event loop's thread counts.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from gateway.core.errors import InternalError
from gateway.core.http.recovery import Recovery
from gateway.observe.histogram import BOUNDS_S, TUNNEL_BOUNDS_S, Histogram

_NO_RECOVERY: Final = Recovery.NONE  # the attribute of an Enum class is a slow look-up before Python 3.12


class RouteMetrics:
    """What is counted for one route: `started` once it has matched, and `done`, once per request."""

    __slots__ = (
        "accesses",
        "answer_bytes",
        "connection_retries",
        "durations",
        "errors",
        "nonce_retries",
        "own_statuses",
        "recoveries",
        "request_bytes",
        "started_requests",
        "statuses",
        "tunnel_durations",
        "tunnels",
        "upstream_durations",
    )

    def __init__(self) -> None:
        self.started_requests = 0
        self.statuses: dict[int, int] = {}
        self.durations = Histogram()
        self.upstream_durations = Histogram()
        self.request_bytes = 0
        self.answer_bytes = 0
        self.connection_retries = 0
        self.nonce_retries = 0
        self.recoveries: dict[Recovery, int] = {}
        self.errors: dict[str, int] = {}
        self.own_statuses: dict[int, int] = {}
        self.tunnels: dict[str, int] = {}
        self.tunnel_durations = Histogram(TUNNEL_BOUNDS_S)
        self.accesses: dict[tuple[str, str], int] = {}

    def started(self) -> None:
        """Count a request that has matched this route."""
        self.started_requests += 1

    def accessed(self, way: str, outcome: str) -> None:
        """Count what became of a caller at the route's gate.

        `way` is the one that knows it, or whose credential is not good; ``-`` if there is none.
        """
        self.accesses[way, outcome] = self.accesses.get((way, outcome), 0) + 1

    def tunnel_ended(self, outcome: str, duration_s: float) -> None:
        """Count a tunnel that is over, by what ended it."""
        self.tunnels[outcome] = self.tunnels.get(outcome, 0) + 1
        self.tunnel_durations.observe(duration_s)

    def tunnelled(self, request_bytes: int, answer_bytes: int) -> None:
        """Count bytes of a tunnel as they pass."""
        self.request_bytes += request_bytes
        self.answer_bytes += answer_bytes

    def connection_retried(self) -> None:
        """Count a request that was sent again because its pooled connection had died before."""
        self.connection_retries += 1

    def nonce_retried(self) -> None:
        """Count a request that was sent again with the upstream's nonce (RFC 9449 section 9)."""
        self.nonce_retries += 1

    def done(  # noqa: PLR0913, PLR0917 - the hot call: making a dataclass would cost more than counting
        self,
        status: int,
        total_s: float,
        upstream_s: float | None,
        request_bytes: int,
        answer_bytes: int,
        recovery: Recovery,
        error_code: str,
    ) -> None:
        """Count one request that is over; the arguments are those of `AccessRecord`.

        `upstream_s` of None means that there was no exchange.
        """
        # Histogram.observe stands here twice in full: the calls would double the cost.
        statuses = self.statuses
        statuses[status] = statuses.get(status, 0) + 1
        histogram = self.durations
        histogram.counts[bisect_left(BOUNDS_S, total_s)] += 1
        histogram.sum_s += total_s
        if upstream_s is not None:
            histogram = self.upstream_durations
            histogram.counts[bisect_left(BOUNDS_S, upstream_s)] += 1
            histogram.sum_s += upstream_s
        if request_bytes:
            self.request_bytes += request_bytes
        self.answer_bytes += answer_bytes
        if recovery is not _NO_RECOVERY:
            self.recoveries[recovery] = self.recoveries.get(recovery, 0) + 1
        if error_code:
            self.errors[error_code] = self.errors.get(error_code, 0) + 1
            self.own_statuses[status] = self.own_statuses.get(status, 0) + 1

    def failed_unasked(self) -> None:
        """Count a fault of the gateway that no request counts."""
        self.errors[InternalError.code] = self.errors.get(InternalError.code, 0) + 1

    def in_progress(self) -> int:
        """Return how many requests have started and are not done; those that match no route never start."""
        return max(0, self.started_requests - sum(self.statuses.values()))
