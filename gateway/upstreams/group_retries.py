"""The retries of a group that are under way; `core.upstreams.budget` says how many there may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.core.settings.balance_settings import RetrySettings
from gateway.core.upstreams.budget import may_retry, saved, spent
from gateway.core.upstreams.signs import Sign
from gateway.observe.group_metrics import GroupMetrics
from gateway.proxy.outgoing.upstream import UpstreamConnection


class GroupRetries:
    """Retries, from their decision to the end of their exchange."""

    def __init__(self, rule: RetrySettings, counts: GroupMetrics) -> None:
        self._rule = rule
        self._counts = counts
        self._exchanging: dict[UpstreamConnection, Sign] = {}
        self._connecting = 0
        self._savings = 0.0

    def __repr__(self) -> str:
        return f"<GroupRetries: {self._connecting} connecting, {len(self._exchanging)} exchanging>"

    def may_begin(self, reason: Sign, tries: int, running: int) -> bool:
        """Whether a request may be retried that was so often before, while so many are running."""
        if tries >= self._rule.tries:
            return False
        retrying = len(self._exchanging) + self._connecting
        if may_retry(running, retrying, self._rule):
            return True
        left = spent(self._savings, running)
        if left >= 0:
            self._savings = left
            return True
        self._counts.retried(reason.value, "over_budget")
        return False

    @contextmanager
    def connecting(self, reason: Sign | None) -> Iterator[None]:
        """Count a retry that has no connection yet; nothing for a request that is none."""
        if reason is None:
            yield
            return
        self._connecting += 1
        try:
            yield
        except BaseException:
            self._counts.retried(reason.value, "failed")
            raise
        finally:
            self._connecting -= 1

    def has_connection(self, connection: UpstreamConnection, reason: Sign | None) -> None:
        """Note that the exchange on `connection` is a retry, unless there is no reason for one."""
        if reason is not None:
            self._exchanging[connection] = reason

    def ends(self, connection: UpstreamConnection, sign: Sign) -> None:
        """Note that an exchange is over."""
        reason = self._exchanging.pop(connection, None) if self._exchanging else None
        if reason is not None:
            self._counts.retried(reason.value, "answered" if sign is Sign.WELL else "failed")
        elif sign is Sign.WELL:
            self._savings = saved(self._savings, self._rule)
