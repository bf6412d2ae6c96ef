"""What keeps a route from its upstream, logged once and not for each request that fails.

Rules: each kind of trouble is logged as one warning, and no other of that kind follows for `QUIET_S`; the
next one counts those in between. That the upstream answers again is logged as seldom. Only words of ours are
logged, never a path, a header or an address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.core.cause import Cause
from gateway.core.errors import UpstreamError
from gateway.core.http.route_trouble import RouteTrouble, refused_tokens, trouble_of

QUIET_S: Final = 60.0

_LOGGER: Final = logging.getLogger("gateway.route")


@dataclass(slots=True)
class _Told:
    at_s: float = -inf
    untold: int = 0


class RouteHealth:
    """The troubles of one route.

    Args:
        name: the route's.
        place: where it stands in `gateway.yaml`: ``routes[0]``.
        client: whose tokens it injects; empty: none.
        now_s: monotonic.
        group: the name of its group of addresses; empty: none.

    Attributes:
        is_troubled: the last exchange failed.
        last: the last trouble, also when it is over; None if there was none.
        failures: requests that failed since the upstream answered last.
        at_s: when the last one failed.
    """

    __slots__ = (
        "_client",
        "_group",
        "_name",
        "_now_s",
        "_place",
        "_told",
        "at_s",
        "failures",
        "is_troubled",
        "last",
    )

    def __init__(
        self, name: str, place: str, client: str, now_s: Callable[[], float], group: str = ""
    ) -> None:
        self._name = name
        self._place = place
        self._client = client
        self._group = group
        self._now_s = now_s
        self._told: dict[tuple[str, Cause | None], _Told] = {}
        self.is_troubled = False
        self.last: RouteTrouble | None = None
        self.failures = 0
        self.at_s = -inf

    def __repr__(self) -> str:
        return f"<RouteHealth {self._name}: {self.last.code if self.last and self.is_troubled else 'good'}>"

    @property
    def is_shown(self) -> bool:
        """Whether there is trouble, or was a moment ago: a scrape may come between two failures."""
        return self.last is not None and (self.is_troubled or self.age_s < QUIET_S)

    @property
    def age_s(self) -> float:
        """How long ago the last request failed."""
        return self._now_s() - self.at_s

    def failed(self, error: UpstreamError) -> None:
        """Note that a request failed at the upstream, or for a file of ours that its connection needs."""
        self._note(trouble_of(error, self._place, self._group))

    def refused_tokens(self) -> None:
        """Note that the upstream refused a new token, and has accepted none like it."""
        self._note(refused_tokens(self._client))

    def answered(self) -> None:
        """Note that the upstream answered a request after others had failed."""
        failures, self.failures, self.is_troubled = self.failures, 0, False
        told = self._told.setdefault(("", None), _Told())
        if self._now_s() - told.at_s >= QUIET_S:
            told.at_s = self._now_s()
            _LOGGER.info(
                "route %s: the upstream answers again; requests that failed before: %d",
                self._name,
                failures,
                extra={"fields": {"route": self._name, "count": failures}},
            )

    def _note(self, trouble: RouteTrouble) -> None:
        self.is_troubled, self.last, self.at_s = True, trouble, self._now_s()
        self.failures += 1
        told = self._told.setdefault(trouble.kind, _Told())
        if self.at_s - told.at_s < QUIET_S:
            told.untold += 1
            return
        self._tell(trouble, told.untold)
        told.at_s, told.untold = self.at_s, 0

    def _tell(self, trouble: RouteTrouble, untold: int) -> None:
        fields = {
            "route": self._name,
            "error": trouble.code,
            "side": trouble.side.value,
            "cause": trouble.cause_word,
            "key": trouble.key,
            "count": untold + 1,
        }
        _LOGGER.warning(
            "route %s: %s (%s, see %s)%s",
            self._name,
            trouble.reason,
            trouble.code,
            trouble.key,
            f"; {untold} more since this was last logged" if untold else "",
            extra={"fields": fields},
        )
