"""How a group of upstream addresses shares requests out, and what it does when some of them fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Balance(Enum):
    """How the address of a request is chosen (`core.upstreams.balance`)."""

    WARM = "warm"
    ROUND_ROBIN = "round_robin"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class BalanceSettings:
    """The key ``balance``.

    Attributes:
        header: the field whose value decides, for `Balance.HASH` only.
    """

    kind: Balance = Balance.WARM
    header: str = ""


@dataclass(frozen=True, slots=True)
class EjectSettings:
    """When an address that fails gets no requests for a while (`core.upstreams.ejection`).

    Attributes:
        after: failures in a row.
        for_s: how long, the first time.
        at_most: the share of the addresses that may be out together.
    """

    after: int = 5
    for_s: float = 10.0
    at_most: float = 0.5


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How often a request is tried again on another address.

    Attributes:
        tries: for one request; 0: never.
        budget: retries, as a share of the requests that run.
    """

    tries: int = 1
    budget: float = 0.2


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Requests that wait for a place in a group that serves as many as it may.

    Attributes:
        length: how many may wait.
        timeout_s: how long each.
    """

    length: int = 1000
    timeout_s: float = 5.0


ALIVE: Final = frozenset(range(200, 500))


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Requests of the gateway's own that say whether an address is alive (`core.upstreams.active_checks`).

    Attributes:
        path: with a query if it has one; that of the addresses is not prepended.
        every_s: from the end of one to the start of the next, about.
        timeout_s: for each, its connection included.
        fall: how many that fail in a row take an address out.
        rise: how many that succeed in a row take it back.
        expect: the statuses of an address that is alive.
    """

    path: str
    every_s: float = 10.0
    timeout_s: float = 2.0
    fall: int = 3
    rise: int = 2
    expect: frozenset[int] = ALIVE

    def asks_as(self, other: CheckSettings) -> bool:
        """Whether results of the other mean the same here."""
        return (self.path, self.expect) == (other.path, other.expect)


WARM: Final = BalanceSettings()
EJECT: Final = EjectSettings()
RETRY: Final = RetrySettings()
QUEUE: Final = QueueSettings()
