"""What is counted for one group of upstream addresses."""

from __future__ import annotations

from gateway.observe.histogram import Histogram


class GroupMetrics:
    """Counters of a group; only the event loop's thread counts.

    Attributes:
        retries: requests that were tried again, or could not be, by reason and outcome.
        ejections: how often an address was taken out, by reason.
        waits: how long requests waited for a place.
        checks: of addresses, by outcome.
    """

    __slots__ = ("checks", "ejections", "retries", "waits")

    def __init__(self) -> None:
        self.retries: dict[tuple[str, str], int] = {}
        self.ejections: dict[str, int] = {}
        self.waits = Histogram()
        self.checks: dict[str, int] = {}

    def retried(self, reason: str, outcome: str) -> None:
        """Count what became of a retry."""
        self.retries[reason, outcome] = self.retries.get((reason, outcome), 0) + 1

    def ejected(self, reason: str) -> None:
        """Count an address that was taken out."""
        self.ejections[reason] = self.ejections.get(reason, 0) + 1

    def checked(self, outcome: str) -> None:
        """Count a check."""
        self.checks[outcome] = self.checks.get(outcome, 0) + 1
