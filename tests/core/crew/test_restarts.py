"""When a process that died is started again."""

from __future__ import annotations

import pytest

from gateway.core.crew.restarts import Restarts


def died(*lives_s):
    """A slot whose processes lived that long, each started when its delay was over."""
    now_s, slot = 1000.0, Restarts()
    for life_s in lives_s:
        now_s += slot.delay_s
        slot = slot.after_start(now_s)
        now_s += life_s
        slot = slot.after_death(now_s)
    return slot


def test_the_first_death_costs_no_time():
    assert died(0.1).delay_s == 0.0


@pytest.mark.parametrize(
    ("lives", "delay_s"), [((20,) * 2, 1), ((20,) * 3, 2), ((20,) * 4, 4), ((20,) * 7, 30), ((20,) * 50, 30)]
)
def test_later_ones_cost_more_and_more(lives, delay_s):
    assert died(*lives).delay_s == delay_s


def test_a_long_life_makes_up_for_everything():
    assert died(20, 20, 20, 60).delay_s == 0.0
    assert died(20, 20, 20, 59.9).delay_s == 4.0


def test_five_deaths_within_a_minute_are_a_crash_loop():
    assert not died(0, 0, 0, 0).is_hopeless
    assert died(0, 0, 0, 0, 0).is_hopeless


def test_five_deaths_in_more_than_a_minute_are_none():
    assert not died(*[15] * 40).is_hopeless
