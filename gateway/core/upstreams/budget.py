"""How many requests may be tried again on another address.

Rules: where every address is sick, a retry helps nobody and doubles the load. So retries are a share of the
requests that run and are none themselves, and a few are always possible. A recovery of a token is no retry.
"""

from __future__ import annotations

from typing import Final

from gateway.core.balance_settings import RetrySettings

LEAST: Final = 3
"""So many retries may run however few requests do."""


def may_retry(running: int, retrying: int, rule: RetrySettings) -> bool:
    """Whether one more may run; `running` counts the requests, those that are retries too."""
    firsts = max(0, running - retrying)
    return retrying < max(LEAST, int(firsts * rule.budget))
