"""Families of addresses, by tables."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.core.upstreams.families import rather, unreachable


@dataclass(frozen=True)
class At:
    entry: int
    is_v6: bool
    number: int = 0
    is_connected: bool = False


A, B = At(0, is_v6=False), At(0, is_v6=False, number=1)
X, Y = At(0, is_v6=True), At(0, is_v6=True, number=1)
OTHER_A, OTHER_X = At(1, is_v6=False), At(1, is_v6=True)
LIVE_Y = At(0, is_v6=True, number=2, is_connected=True)

NEXT = [
    # able, tried; what is tried next
    ((A, X), (), (A, X)),
    ((A, B), (X,), (A, B)),
    ((Y, A, B), (X,), (A, B)),
    ((B, X, Y), (A,), (X, Y)),
    ((B, Y), (X, A), (B, Y)),  # both families had their turn
    ((Y, OTHER_A), (X,), (Y, OTHER_A)),  # of another name
    ((Y, OTHER_X), (X, OTHER_A), (OTHER_X,)),  # the name that was tried last
    ((), (X,), ()),
]


@pytest.mark.parametrize(("able", "tried", "expected"), NEXT)
def test_the_family_that_was_not_tried_is_next(able, tried, expected):
    assert tuple(rather(able, tried)) == expected


CUT_OFF = [
    # addresses, slow, by; taken for unreachable
    ((A, X), X, A, (X,)),
    ((A, X), A, X, (A,)),
    ((A, B, X, Y), X, A, (X, Y)),
    ((A, X, LIVE_Y), X, A, ()),  # it was that address alone
    ((A, B, X), A, B, ()),  # of one family
    ((A, X, OTHER_X), X, A, (X,)),
    ((X, OTHER_A), X, OTHER_A, ()),  # of another name
]


@pytest.mark.parametrize(("addresses", "slow", "by", "expected"), CUT_OFF)
def test_a_family_is_unreachable_where_the_other_is_reached_and_nothing_of_it_is(
    addresses, slow, by, expected
):
    assert tuple(unreachable(addresses, slow, by)) == expected
