"""Which address of a group the next request goes to.

Rules:

- Addresses that are no backups come first; a backup serves only while none of those does.
- ``warm``: the one with the fewest requests for its weight. Among equals, one with an idle connection: a
  quiet gateway then keeps to few connections, where turns alone would open one for nearly every request. What
  is still equal takes turns.
- ``round_robin``: turns, each address as often as its weight says, spread evenly (the smooth weighted round
  robin of nginx).
- ``hash``: the address that scores highest for the value of a header field (rendezvous hashing). While it
  does not serve, its values go to others, and those of the others stay where they are. A request without the
  field takes turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2s
from math import log
from typing import Final, Protocol, TypeVar

from gateway.core.settings.balance_settings import Balance

_SPACE: Final = 2.0**64


class Candidate(Protocol):
    """An address as far as a choice depends on it.

    Attributes:
        key: what names it in hashes, the same in every process.
        credit: how long it has waited for its turn, in turns; the choice writes it.
    """

    key: bytes
    weight: int
    is_backup: bool
    credit: float

    @property
    def running(self) -> int:
        """How many requests it serves now."""

    @property
    def is_warm(self) -> bool:
        """Whether it has an idle connection."""


C = TypeVar("C", bound=Candidate)


def choose(kind: Balance, serving: Sequence[C], value: bytes | None) -> C:
    """Return one of the addresses that serve, of which there is at least one; `value` is what is hashed."""
    able = [each for each in serving if not each.is_backup] or serving
    if len(able) == 1:
        return able[0]
    if kind is Balance.HASH and value is not None:
        return max(able, key=lambda each: _score(value, each))
    return in_turn(_warmest(able) if kind is Balance.WARM else able)


def _warmest(able: Sequence[C]) -> Sequence[C]:
    least = min(each.running / each.weight for each in able)
    idlest = [each for each in able if each.running / each.weight == least]
    return [each for each in idlest if each.is_warm] or idlest


def in_turn(able: Sequence[C]) -> C:
    """Return the one whose turn it is, and note that it had it."""
    for each in able:
        each.credit += each.weight
    chosen = max(able, key=lambda each: each.credit)  # the first of equals
    chosen.credit -= sum(each.weight for each in able)
    return chosen


def _score(value: bytes, candidate: Candidate) -> float:
    """Score a value at an address, so that shares are as the weights (weighted rendezvous hashing)."""
    digest = blake2s(value, digest_size=8, key=candidate.key[:32]).digest()
    fraction = (int.from_bytes(digest, "big") + 1) / (_SPACE + 2)  # above 0 and below 1
    return -candidate.weight / log(fraction)


def rotated(able: Iterable[C]) -> None:
    """Forget whose turn it is, because an address came or went."""
    for each in able:
        each.credit = 0.0
