"""Both families of addresses of a name, of which a machine may be able to reach only one.

Rules:

- Many names have addresses of both families, and many machines have a way to one of them only. So where an
  address is not reached, the next one that is tried is of the family that was not (RFC 8305 section 4).
- If an address is reached later than one of the other family that was tried later, and nothing of its family
  is connected, the whole family is taken for unreachable: its addresses would cost each connection as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Relative(Protocol):
    """An address that belongs to a name."""

    @property
    def entry(self) -> int:
        """The number of its name in the list of addresses."""

    @property
    def is_v6(self) -> bool:
        """Whether it is of the family of IPv6."""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to it."""


R = TypeVar("R", bound=Relative)


def rather(able: Sequence[R], tried: Sequence[R]) -> Sequence[R]:
    """Return those of `able` that should be tried next, given what was tried so far."""
    if not tried:
        return able
    last = tried[-1]
    families = {each.is_v6 for each in tried if each.entry == last.entry}
    others = [each for each in able if each.entry == last.entry and each.is_v6 not in families]
    return others or able


def unreachable(addresses: Sequence[R], slow: R, by: R) -> Sequence[R]:
    """Return the addresses that are taken for unreachable since `by` was reached before `slow`."""
    if slow.entry != by.entry or slow.is_v6 == by.is_v6:
        return ()
    family = [each for each in addresses if each.entry == slow.entry and each.is_v6 == slow.is_v6]
    return () if any(each.is_connected for each in family) else family
