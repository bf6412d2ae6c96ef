"""Which address of a group the next request goes to: tables, and what holds for any group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.balance_settings import Balance
from gateway.core.upstreams.balance import choose


@dataclass
class One:
    name: str
    running: int = 0
    is_warm: bool = False
    weight: int = 1
    is_backup: bool = False
    credit: float = 0.0
    key: bytes = field(init=False)

    def __post_init__(self):
        self.key = self.name.encode()


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ([One("a", 1), One("b", 0)], "b"),
        ([One("a", 1, is_warm=True), One("b", 0)], "b"),
        ([One("a"), One("b", is_warm=True)], "b"),
        ([One("a", 1), One("b", 1, weight=2)], "b"),
        ([One("a", 2), One("b", 4, weight=2)], "b"),  # equal, and b is due more turns
        ([One("a", is_backup=True), One("b", 9)], "b"),
        ([One("a", 3, is_backup=True), One("b", 2, is_backup=True)], "b"),
        ([One("a", is_backup=True)], "a"),
    ],
)
def test_warm_is_the_fewest_requests_then_a_warm_connection(group, expected):
    assert choose(Balance.WARM, group, None).name == expected


def test_equals_take_turns():
    group = [One("a"), One("b"), One("c")]
    assert [choose(Balance.WARM, group, None).name for _ in range(6)] == list("abcabc")


def test_turns_follow_weights_and_are_spread():
    group = [One("a", weight=5), One("b"), One("c")]
    assert "".join(choose(Balance.ROUND_ROBIN, group, None).name for _ in range(7)) == "aabacaa"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_round_of_turns_is_exactly_the_weights(weights):
    group = [One(str(index), weight=weight) for index, weight in enumerate(weights)]
    had = Counter(choose(Balance.ROUND_ROBIN, group, None).name for _ in range(sum(weights)))
    assert [had[each.name] for each in group] == weights


@given(st.binary(max_size=20), st.integers(2, 8), st.data())
def test_only_the_values_of_an_address_that_goes_move(value, count, data):
    group = [One(f"10.0.0.{index}:80") for index in range(count)]
    chosen = choose(Balance.HASH, group, value)
    gone = data.draw(st.sampled_from(group))
    rest = [each for each in group if each is not gone]
    assert chosen is gone or choose(Balance.HASH, rest, value) is chosen


def test_hashed_values_are_shared_by_weight():
    group = [One("a"), One("b", weight=3)]
    had = Counter(choose(Balance.HASH, group, b"user-%d" % number).name for number in range(2000))
    assert 400 < had["a"] < 600


def test_a_request_without_the_hashed_field_takes_turns():
    group = [One("a"), One("b")]
    assert [choose(Balance.HASH, group, None).name for _ in range(4)] == list("abab")


@given(st.sampled_from(Balance), st.lists(st.booleans(), min_size=1, max_size=6), st.binary(max_size=4))
def test_a_backup_serves_only_where_nothing_else_does(kind, backups, value):
    group = [One(str(index), is_backup=is_backup) for index, is_backup in enumerate(backups)]
    assert choose(kind, group, value).is_backup == all(backups)
