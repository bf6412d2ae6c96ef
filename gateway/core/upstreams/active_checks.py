"""What the gateway's own requests to an address of a group say of it.

Rules:

- An address is up until proved otherwise. The first check that says anything decides alone; later, so many
  in a row change what is known (`CheckSettings.fall`, `CheckSettings.rise`). Whatever agrees begins the row
  anew.
- Any response below 500 is of an address that is alive, since a protected resource answers 401 without a
  token; or the statuses that the file names.
- What the address cannot help says nothing: a file of ours, no descriptor left, the forward proxy's trouble.
- Checks alone never refuse a request: where all addresses of a group are down, what they say is ignored.
- Those of one address never overlap, and chance spreads those of many gateways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from gateway.core.errors import GatewayError
from gateway.core.settings.balance_settings import ALIVE, CheckSettings
from gateway.core.upstreams.ejection import Health
from gateway.core.upstreams.signs import sign_of_error

FIRST_S: Final = 1.0
"""The first check of an address comes within this time."""
_SPREAD: Final = 0.1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check brought.

    Attributes:
        is_alive: None: it says nothing of the address.
        words: the status of the response, or why there is none.
        took_s: from before the connection to the head of the response.
    """

    is_alive: bool | None
    words: str
    took_s: float = 0.0

    @property
    def outcome(self) -> str:
        """One of `OUTCOMES`."""
        return OUTCOMES[1] if self.is_alive is None else OUTCOMES[2] if self.is_alive else OUTCOMES[0]


OUTCOMES: Final = ("failed", "undecided", "alive")


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks of an address have shown so far.

    Attributes:
        is_down: it gets no requests.
        is_proved: a check has said something.
        row: checks in a row that contradict `is_down`.
        last: the result of the last one.
        at_s: when that ended, monotonic.
    """

    is_down: bool = False
    is_proved: bool = False
    row: int = 0
    last: CheckResult | None = None
    at_s: float = 0.0


UNCHECKED: Final = Checked()


def checked(before: Checked, result: CheckResult, now_s: float, rule: CheckSettings) -> Checked:
    """Return what is known of an address after one more check."""
    noted = replace(before, last=result, at_s=now_s)
    if result.is_alive is None:
        return noted
    noted = replace(noted, is_proved=True)
    if result.is_alive is not before.is_down:
        return replace(noted, row=0)
    row = before.row + 1
    if row < _needed(before, rule):
        return replace(noted, row=row)
    return replace(noted, is_down=not before.is_down, row=0)


def _needed(before: Checked, rule: CheckSettings) -> int:
    if not before.is_proved:
        return 1
    return rule.rise if before.is_down else rule.fall


def result_of(status: int, took_s: float, rule: CheckSettings) -> CheckResult:
    """Return what a response says."""
    return CheckResult(status in rule.expect, str(status), took_s)


def result_of_error(error: GatewayError, took_s: float) -> CheckResult:
    """Return what it says that there is no response."""
    return CheckResult(False if sign_of_error(error).is_failure else None, error.detail, took_s)


def check_request(path: str, authority: str, agent: str) -> bytes:
    """Return the request of a check, which carries no token."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {authority}",
        f"User-Agent: {agent}",
        "Accept: */*",
        "Connection: close",
        "\r\n",
    )
    return "\r\n".join(lines).encode("ascii")


def status_words(expect: frozenset[int]) -> str:
    """Return the statuses of an address that is alive in words, as ``2xx, 401``."""
    if expect == ALIVE:
        return "any status below 500"
    hundreds = {start: frozenset(range(start, start + 100)) for start in range(200, 600, 100)}
    whole = {start for start, all_of_it in hundreds.items() if all_of_it <= expect}
    rest = (status for status in expect if status // 100 * 100 not in whole)
    return ", ".join(f"{each // 100}xx" if each in whole else str(each) for each in sorted((*whole, *rest)))


def first_wait_s(rule: CheckSettings, jitter: float) -> float:
    """Return how long to wait for the first check of an address; `jitter` is in [0, 1)."""
    return min(rule.every_s, FIRST_S) * jitter


def next_wait_s(rule: CheckSettings, jitter: float) -> float:
    """Return how long to wait for the next check, from the end of the last one; `jitter` is in [0, 1)."""
    return rule.every_s * (1 + _SPREAD * (2 * jitter - 1))


class Judged(Protocol):
    """An address as far as it depends on how it is whether it gets requests."""

    @property
    def health(self) -> Health:
        """What requests say of it."""

    @property
    def checked(self) -> Checked:
        """What checks say of it."""


J = TypeVar("J", bound=Judged)


def sorted_out(all_of_them: Sequence[J]) -> tuple[list[J], list[J]]:
    """Return those that get requests, and those that are ejected and may be tried by one."""
    able = [each for each in all_of_them if not each.checked.is_down] or all_of_them
    out = [each for each in able if each.health.is_out]
    return [each for each in able if not each.health.is_out] or list(able), out
