"""How many requests may be tried again on another address.

Rules: where every address is sick, a retry helps nobody and doubles the load. So retries are a share of the
requests that run and are none themselves, and a few are always possible. A recovery of a token is no retry.

An address that falls fails all its requests at once, which are more than that share. So requests that went
well leave the same share as savings, for such a moment (as in the retry budgets of Finagle and Linkerd). They
are spent once, and then the share alone is left. All in all, retries stay within that share of all requests.
"""

from __future__ import annotations

from typing import Final

from gateway.core.settings.balance_settings import RetrySettings

LEAST: Final = 3
"""So many retries may run however few requests do."""
MOST_SAVED: Final = 1000.0


def may_retry(running: int, retrying: int, rule: RetrySettings) -> bool:
    """Whether one more may run; `running` counts the requests, those that are retries too."""
    firsts = max(0, running - retrying)
    return retrying < max(LEAST, int(firsts * rule.budget))


def spent(savings: float, running: int) -> float:
    """Return the savings after one more retry; below 0: they do not suffice.

    One retry for each request that runs is all that they are for, however long they grew.
    """
    return min(savings, float(running)) - 1


def saved(savings: float, rule: RetrySettings) -> float:
    """Return the savings after one more request that went well and was no retry."""
    return min(savings + rule.budget, MOST_SAVED)
