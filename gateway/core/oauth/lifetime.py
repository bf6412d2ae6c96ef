"""How long a token lives, and when to ask for the next one.

Rules:

- A life is counted from the moment its request was *sent*: the time that the network took is lost to us.
- A stated life of zero or less never causes a loop: `SHORTEST_LIFE_S` is the minimum. What is not a number,
  or is above `LONGEST_LIFE_S` (a date or milliseconds taken for a duration), counts as not stated.
- The early refresh starts ``min(60 s, 20 % of life)`` before expiry. A random delay of up to 10 % of the
  life, at most half of that margin, keeps a fleet that started together from asking together. A token of 2
  s is thus requested every 1.7 s on average: 12 times in 20 s.
- A machine that sleeps stops the monotonic clock while tokens go on expiring. So the wall clock ends a life
  too, `WALL_SLACK_S` late: neither small corrections nor a jump back have any effect.
- Two token requests for one grant are at least `REQUEST_INTERVAL_S` apart, whatever the lifetimes say and
  however often upstreams refuse the tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.core.text.json_object import finite_number

SHORTEST_LIFE_S: Final = 1.0
LONGEST_LIFE_S: Final = 366 * 24 * 60 * 60.0
REQUEST_INTERVAL_S: Final = 1.0
EARLIEST_REFRESH_S: Final = 60.0
REFRESH_SHARE: Final = 0.2
JITTER_SHARE: Final = 0.1
BODY_MARGIN_S: Final = 30.0
WALL_SLACK_S: Final = 2.0
"""More than a synchronised clock is ever stepped (ntpd steps above 0.128 s, chrony above 1 s)."""

_NUMERIC: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Life:
    """When a token was requested, is to be refreshed and expires, in monotonic seconds.

    Attributes:
        dead_at_wall_s: when it expires by the wall clock, in seconds since 1970; the earlier of the two
            counts.
    """

    sent_at_s: float
    refresh_at_s: float
    expires_at_s: float
    dead_at_wall_s: float = inf

    @property
    def body_margin_s(self) -> float:
        """How long the token must still live before a body that cannot be replayed.

        It is never more than the margin of the early refresh: otherwise each such body would cost a token
        request where tokens live shorter than `BODY_MARGIN_S`.
        """
        return min(BODY_MARGIN_S, self.expires_at_s - self.refresh_at_s)


def plan_life(sent_at_s: float, lifetime_s: float, jitter: float, sent_at_wall_s: float = inf) -> Life:
    """Plan the life of a token with a bounded `lifetime_s`; `jitter` is in [0, 1)."""
    margin_s = min(EARLIEST_REFRESH_S, REFRESH_SHARE * lifetime_s)
    late_s = jitter * min(JITTER_SHARE * lifetime_s, margin_s / 2)
    expires_at_s = sent_at_s + lifetime_s
    dead_at_wall_s = sent_at_wall_s + lifetime_s + WALL_SLACK_S
    return Life(sent_at_s, expires_at_s - margin_s + late_s, expires_at_s, dead_at_wall_s)


def read_expires_in(value: object) -> float | None:
    """Read ``expires_in``, a number or a numeric string; None if it is neither.

    RFC 6749 section 5.1 demands a number, but servers do send strings.
    """
    if isinstance(value, str):
        return float(value) if _NUMERIC.fullmatch(value) else None
    return finite_number(value)


def earlier_of(*stated_s: float | None) -> float | None:
    """Return the shortest of the lifetimes that are stated and plausible, or None."""
    meant_s = [seconds for seconds in stated_s if seconds is not None and seconds <= LONGEST_LIFE_S]
    return min(meant_s, default=None)


def bounded_life_s(stated_s: float | None, default_s: float) -> float:
    """Return the lifetime to work with: at least the shortest, and the default if none is stated."""
    return max(SHORTEST_LIFE_S, default_s if stated_s is None else stated_s)


def may_send_at_s(last_sent_at_s: float) -> float:
    """Return when the next token request may go out at the earliest."""
    return last_sent_at_s + REQUEST_INTERVAL_S
