"""What is known about a name: its addresses, when to look it up again, what a look-up's outcome means.

Rules:

- An answer is renewed every ``resolve`` (`RENEW_S`) while the name is used: `getaddrinfo` does not reveal a
  time to live. A little earlier by chance, so that processes that began together do not ask together.
- A failed look-up (the resolver is down, slow, or says "try again") is reported and changes nothing else. The
  next one follows after `RENEW_S` at the latest, however seldom answers are renewed.
- "No such name" may come from a resolver that is being reloaded. The addresses are dropped only once it was
  said twice in a row and the last good answer is `STALE_S` old.
- An answer that should have been renewed `GRACE_S` ago, as nobody used it, is used only after another
  look-up, or if that one fails.
- A look-up ends when both families are answered, and some name servers never say anything about one of them.
  So each family is asked for itself after `HALVES_S`, and what is found of one serves without the other.
- Where no address can be reached, the name is looked up ahead of schedule, at once. While that finds nothing
  new, it is done ever less often, down to once in `REPEAT_S`: a dead upstream must not cost the resolver a
  look-up for each request.
- Addresses are raced in the order of RFC 8305 section 4: families alternate; the address that worked last
  goes first, the one that failed last goes last.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain, zip_longest
from math import inf
from typing import Final, NewType, Protocol

Ip = NewType("Ip", str)
"""An address as text, without brackets."""

RENEW_S: Final = 10.0
REPEAT_S: Final = 1.0
"""How often a name without addresses is looked up."""
EARLY_S: Final = 0.125
"""The shortest time between two look-ups of a name, whoever wants one."""
GRACE_S: Final = 1.0
STALE_S: Final = 5 * 60.0
LATE_S: Final = 5.0
"""A look-up that takes longer is reported as a failure, but continues. glibc waits 5 s for a server."""
SLOW_S: Final = 1.0
HALVES_S: Final = 0.5
ABSENCES: Final = 2
_SPREAD: Final = 0.1
_MOST_DOUBLINGS: Final = 16


class LookUp(Enum):
    """How a look-up ended."""

    FOUND = "found"
    FAILED = "failed"
    ABSENT = "absent"  # the resolver is sure that there is no such name, or no address for it


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look-up found.

    Attributes:
        addresses: in the system's order (RFC 6724); at least one for `LookUp.FOUND`.
        reason: why there are none, in our own words.
    """

    outcome: LookUp
    addresses: tuple[Ip, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a name. Times are monotonic.

    Attributes:
        addresses: those of the last good answer, unless they were dropped.
        found_at_s, looked_up_at_s: when the last successful look-up ended, and the last one of any outcome.
        absences: how often in a row the name was said not to exist.
        fruitless: look-ups in a row that came ahead of schedule and found nothing new.
        chance: what decides how much earlier than necessary the next look-up comes, in [0, 1).
        trouble: why the last look-up found no address, or empty.
        worked, failed: the address that was reached last, and the one that was not.
    """

    addresses: tuple[Ip, ...] = ()
    found_at_s: float = -inf
    looked_up_at_s: float = -inf
    absences: int = 0
    fruitless: int = 0
    chance: float = 0.0
    trouble: str = ""
    worked: Ip | None = None
    failed: Ip | None = None


class ResolutionObserver(Protocol):
    """Receives the outcomes of look-ups."""

    def looked_up(self, name: str, finding: Finding, before: Known, after: Known) -> None:
        """Take note of a look-up of `name` that ended, or is taking long."""


def after(
    known: Known, finding: Finding, now_s: float, *, is_early: bool = False, chance: float = 0.0
) -> Known:
    """Return what is known after a look-up; `is_early`: it came ahead of schedule."""
    is_new = finding.outcome is LookUp.FOUND and set(finding.addresses) != set(known.addresses)
    fruitless = known.fruitless + 1 if is_early and not is_new else 0
    looked_up = replace(known, looked_up_at_s=now_s, fruitless=fruitless, chance=chance)
    match finding.outcome:
        case LookUp.FOUND:
            return replace(looked_up, addresses=finding.addresses, found_at_s=now_s, absences=0, trouble="")
        case LookUp.FAILED:
            return replace(looked_up, absences=0, trouble=finding.reason)
        case LookUp.ABSENT:
            absences = known.absences + 1
            is_over = absences >= ABSENCES and now_s - known.found_at_s >= STALE_S
            addresses = () if is_over else known.addresses
            return replace(looked_up, addresses=addresses, absences=absences, trouble=finding.reason)


def after_half(known: Known, addresses: Sequence[Ip], now_s: float) -> Known:
    """Return what is known once the addresses of one family are, while the look-up goes on."""
    is_v6 = ":" in addresses[0]
    others = (each for each in known.addresses if (":" in each) != is_v6)
    return replace(known, addresses=(*addresses, *others), found_at_s=now_s, looked_up_at_s=now_s, absences=0)


def completed(finding: Finding, known: Known, found_v6: Collection[bool]) -> Finding:
    """Return what a look-up found, but what is known of families that were found for themselves meanwhile.

    The family that the system prefers leads (RFC 6724), whichever was found first.
    """
    if finding.outcome is not LookUp.FOUND or not found_v6:
        return finding
    newer = [each for each in known.addresses if (":" in each) in found_v6]
    others = [each for each in finding.addresses if (":" in each) not in found_v6]
    leads_v6 = ":" in finding.addresses[0]
    addresses = sorted(newer + others, key=lambda each: (":" in each) != leads_v6)
    return replace(finding, addresses=tuple(addresses))


def is_due(known: Known, now_s: float, renew_s: float = RENEW_S) -> bool:
    """Whether a name in use should be looked up again; one without addresses, soon."""
    if not known.addresses:
        return now_s - known.looked_up_at_s >= REPEAT_S
    most_s = min(renew_s, RENEW_S) if known.trouble else renew_s
    return now_s - known.looked_up_at_s >= most_s * (1 - _SPREAD * known.chance)


def may_repeat(known: Known, now_s: float) -> bool:
    """Whether a look-up may be made early, because no address could be reached."""
    doublings = min(known.fruitless, _MOST_DOUBLINGS)
    least_s = min(REPEAT_S, EARLY_S * 2.0**doublings) if known.addresses else REPEAT_S
    return now_s - known.looked_up_at_s >= least_s


def must_wait(known: Known, now_s: float, renew_s: float = RENEW_S) -> bool:
    """Whether to wait for the look-up under way before using the name."""
    return not known.addresses or now_s - known.looked_up_at_s >= renew_s + GRACE_S


def reached(known: Known, address: Ip) -> Known:
    """Return what is known after a connection to `address` was made."""
    if known.worked == address and known.failed != address:
        return known
    return replace(known, worked=address, failed=None if known.failed == address else known.failed)


def missed(known: Known, address: Ip) -> Known:
    """Return what is known after `address` accepted a connection and then failed to serve it."""
    return replace(known, worked=None if known.worked == address else known.worked, failed=address)


def race_order(known: Known) -> tuple[Ip, ...]:
    """Return the addresses in the order in which to try them."""
    addresses = known.addresses
    if len(addresses) < 2:
        return addresses
    first = [known.worked] if known.worked in addresses else []
    last = [known.failed] if known.failed in addresses and known.failed != known.worked else []
    rest = [each for each in addresses if each not in first and each not in last]
    ordered = first + _alternating(rest, after=first) + last
    return tuple(each for each in ordered if each is not None)


def _alternating(addresses: Sequence[Ip], after: Sequence[Ip | None]) -> list[Ip | None]:
    """Alternate the families, starting with the one other than `after`'s, or with the system's first."""
    v6 = [each for each in addresses if ":" in each]
    v4 = [each for each in addresses if ":" not in each]
    leads_v6 = ":" not in str(after[0]) if after else bool(addresses) and ":" in addresses[0]
    pairs = zip_longest(v6, v4) if leads_v6 else zip_longest(v4, v6)
    return [each for each in chain.from_iterable(pairs) if each is not None]
