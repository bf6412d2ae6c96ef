"""How long a token lives, and when the next one is asked for.

Rules (design section 5):

- A life is counted from the instant its request was *sent*: whatever the network took is ours to lose.
- A stated life of zero or below never loops: the shortest is `SHORTEST_LIFE_S`. What is no number, or
  above `LONGEST_LIFE_S` (an instant or milliseconds taken for a duration), counts as not stated.
- The early refresh starts ``min(60 s, 20 % of life)`` before expiry, put off by chance: by up
  to 10 % of life, at most half of that margin. So a fleet that started together does not ask together,
  and a token of 2 s is asked for every 1.7 s on average: 12 times in 20 s.
- A machine that sleeps stops the monotonic clock, and tokens go on dying: the wall clock ends a life too,
  `WALL_SLACK_S` late, so that neither small corrections of it nor a jump back do anything.
- Two token requests for one grant are sent `REQUEST_INTERVAL_S` apart, whatever the lifetimes say and
  however often upstreams refuse the tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.core.json_object import finite_number

SHORTEST_LIFE_S: Final = 1.0
LONGEST_LIFE_S: Final = 366 * 24 * 60 * 60.0
REQUEST_INTERVAL_S: Final = 1.0
EARLIEST_REFRESH_S: Final = 60.0
REFRESH_SHARE: Final = 0.2
JITTER_SHARE: Final = 0.1
BODY_MARGIN_S: Final = 30.0
WALL_SLACK_S: Final = 2.0
"""More than a clock is ever stepped that is kept in step (ntpd steps from 0.128 s on, chrony from 1 s)."""

_NUMERIC: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Life:
    """The instants of a token, monotonic seconds.

    Attributes:
        dead_at_wall_s: its end by the wall clock, in seconds since 1970; the earlier end counts.
    """

    sent_at_s: float
    refresh_at_s: float
    expires_at_s: float
    dead_at_wall_s: float = inf

    @property
    def body_margin_s(self) -> float:
        """What must be left before a body that cannot be replayed.

        Never more than its own early-refresh margin: else tokens that live shorter than
        `BODY_MARGIN_S` would be asked for before every such body.
        """
        return min(BODY_MARGIN_S, self.expires_at_s - self.refresh_at_s)


def plan_life(sent_at_s: float, lifetime_s: float, jitter: float, sent_at_wall_s: float = inf) -> Life:
    """Give the instants of a token with a bounded `lifetime_s`; `jitter` is in [0, 1)."""
    margin_s = min(EARLIEST_REFRESH_S, REFRESH_SHARE * lifetime_s)
    late_s = jitter * min(JITTER_SHARE * lifetime_s, margin_s / 2)
    expires_at_s = sent_at_s + lifetime_s
    dead_at_wall_s = sent_at_wall_s + lifetime_s + WALL_SLACK_S
    return Life(sent_at_s, expires_at_s - margin_s + late_s, expires_at_s, dead_at_wall_s)


def read_expires_in(value: object) -> float | None:
    """Give the seconds of ``expires_in``, a number or a numeric string, or None where it is neither.

    Source: RFC 6749 section 5.1 has a number; strings are met often enough.
    """
    if isinstance(value, str):
        return float(value) if _NUMERIC.fullmatch(value) else None
    return finite_number(value)


def earlier_of(*stated_s: float | None) -> float | None:
    """Give the shortest of the lifetimes that were stated and can be meant, or None."""
    meant_s = [seconds for seconds in stated_s if seconds is not None and seconds <= LONGEST_LIFE_S]
    return min(meant_s, default=None)


def bounded_life_s(stated_s: float | None, default_s: float) -> float:
    """Give the lifetime to work with, where the answer stated `stated_s` or nothing."""
    return max(SHORTEST_LIFE_S, default_s if stated_s is None else stated_s)


def may_send_at_s(last_sent_at_s: float) -> float:
    """Give the first instant at which another token request may go out."""
    return last_sent_at_s + REQUEST_INTERVAL_S
