"""When a connection that is being closed is left: at which instant, not before, and always."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.ending import LINGER_MOST_S, LINGER_S, PACE_BYTES_PER_S, STALL_S, Ending

BEGAN = 1000.0
NEVER = 0.0
BIG = 200_000


def test_a_caller_who_took_everything_and_is_silent_has_a_moment():
    ending = Ending(BEGAN, 0)

    assert not ending.is_over(BEGAN, 0, NEVER)
    assert not ending.is_over(BEGAN + LINGER_S - 0.01, 0, NEVER)
    assert ending.is_over(BEGAN + LINGER_S, 0, NEVER)
    assert ending.is_taken


def test_the_moment_begins_when_the_answer_was_taken():
    ending = Ending(BEGAN, BIG)
    taken = BEGAN + 20.0

    assert not ending.is_over(BEGAN + 10.0, 1, NEVER)
    assert not ending.is_over(taken, 0, NEVER)
    assert not ending.is_over(taken + LINGER_S - 0.01, 0, NEVER)
    assert ending.is_over(taken + LINGER_S, 0, NEVER)


@pytest.mark.parametrize("every_s", [0.1, LINGER_S - 0.1])
def test_a_caller_who_goes_on_sending_has_longer_but_not_for_ever(every_s):
    ending, now_s = Ending(BEGAN, 0), BEGAN
    while not ending.is_over(now_s, 0, heard_at_s=now_s):
        now_s += every_s

    assert LINGER_MOST_S <= now_s - BEGAN <= LINGER_MOST_S + every_s + 0.001


def test_a_caller_who_takes_nothing_is_left():
    ending = Ending(BEGAN, BIG)

    assert not ending.is_over(BEGAN + STALL_S - 0.01, BIG, NEVER)
    assert ending.is_over(BEGAN + STALL_S, BIG, NEVER)
    assert not ending.is_taken


def test_a_caller_who_reads_slowly_gets_everything():
    """Ten thousand bytes a second, in steps as large as TCP opens its window in."""
    ending, unsent = Ending(BEGAN, BIG), BIG
    for second in range(200):
        assert not ending.is_over(BEGAN + second, unsent, NEVER), (second, unsent)
        if second % 4 == 3:
            unsent = max(0, unsent - 40_000)
        if not unsent:
            break

    assert unsent == 0


def test_a_caller_who_takes_a_byte_now_and_then_is_left():
    ending, now_s, unsent = Ending(BEGAN, BIG), BEGAN, BIG
    while not ending.is_over(now_s, unsent, heard_at_s=now_s):
        now_s, unsent = now_s + 1.0, unsent - 1

    assert now_s - BEGAN <= STALL_S + BIG / PACE_BYTES_PER_S + 1.0


@given(
    st.integers(0, 10**7),
    st.lists(st.tuples(st.floats(0.05, 5.0), st.integers(0, 10**6), st.booleans()), max_size=300),
)
def test_whatever_the_caller_does_it_is_left_within_a_bound(unsent, steps):
    ending, now_s, heard_at_s, left = Ending(BEGAN, unsent), BEGAN, NEVER, unsent
    bound_s = STALL_S + unsent / PACE_BYTES_PER_S + LINGER_MOST_S + 10.0
    for step_s, taken, speaks in [*steps, *[(5.0, 0, True)] * 10_000]:
        now_s += step_s
        left = max(0, left - taken)
        heard_at_s = now_s if speaks else heard_at_s
        if ending.is_over(now_s, left, heard_at_s):
            break

    assert now_s - BEGAN <= bound_s
