"""Back-off: how long no token request is sent after a failure.

Rules:

- Back-off is exponential with full jitter, so that many gateways come back one by one, and never below a
  floor.
- A failure that may pass by itself (network, 5xx, an unusable answer) pauses for 1 to 60 s; one that a
  human must repair (``invalid_client`` and its kin) for 10 to 300 s.
- ``Retry-After`` lengthens a pause and never shortens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final, assert_never

from gateway.core.oauth.token_outcome import Failed, FailureKind


@dataclass(frozen=True, slots=True)
class Rest:
    """A pause: how many token requests failed in a row, why the last one did, when the next may be sent."""

    failures: int = 0
    failed: Failed | None = None
    until_s: float = -inf

    def left_s(self, now_s: float) -> float:
        """Return how long it still lasts; 0 once it is over."""
        return max(0.0, self.until_s - now_s)

    def after(self, failed: Failed, now_s: float, jitter: float, longest_s: float = inf) -> Rest:
        """Return the pause after one more failure, at `now_s`; `jitter` is in [0, 1)."""
        failures = self.failures + 1
        return Rest(failures, failed, now_s + pause_s(failed, failures, jitter, longest_s))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The shortest and the longest pause of one kind of failure."""

    shortest_s: float
    longest_s: float


TRANSIENT: Final = Bounds(1.0, 60.0)
REFUSED: Final = Bounds(10.0, 300.0)

_MOST_DOUBLINGS: Final = 16  # 2**16 s exceeds every bound; without a limit the power would grow for ever


def pause_s(failed: Failed, failures: int, jitter: float, longest_s: float = inf) -> float:
    """Return how long to pause after the `failures`-th failure in a row; `jitter` is in [0, 1).

    Only ``Retry-After`` can exceed `longest_s`.
    """
    bounds = _bounds(failed.kind)
    ceiling_s: float = min(
        longest_s, bounds.longest_s, bounds.shortest_s * 2.0 ** min(failures, _MOST_DOUBLINGS)
    )
    spread_s = bounds.shortest_s + jitter * (ceiling_s - bounds.shortest_s)
    return max(spread_s, failed.retry_after_s or 0.0)


def _bounds(kind: FailureKind) -> Bounds:
    match kind:
        case FailureKind.REFUSED:
            return REFUSED
        case FailureKind.INVALID | FailureKind.UNREACHABLE | FailureKind.SLOW | FailureKind.UNSENT:
            return TRANSIENT
        case _:
            assert_never(kind)
