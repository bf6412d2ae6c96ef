"""The rate: never more than burst + rate x time, and never less where somebody keeps to it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.gcra import NS, Rate

COUNTS = st.integers(1, 1000)


def takes(rate, pauses_ns):
    """Try to take one after each pause; yield the instants at which it was possible."""
    state_ns = now_ns = 0
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        if not rate.wait_ns(state_ns, now_ns):
            state_ns = rate.taken(state_ns, now_ns)
            yield now_ns


@given(COUNTS, st.floats(0.001, 86_400), COUNTS, st.lists(st.integers(0, 10 * NS), max_size=100))
def test_in_no_stretch_of_time_more_than_burst_and_rate(count, period_s, burst, pauses_ns):
    taken = list(takes(Rate.of(count, period_s, burst), pauses_ns))

    for first, began_ns in enumerate(taken):
        for last in range(first, len(taken)):
            stretch_s = (taken[last] - began_ns) / NS
            assert last - first + 1 <= burst + stretch_s * count / period_s + 1e-6


@given(COUNTS, COUNTS)
def test_the_whole_burst_may_be_taken_at_once(count, burst):
    rate = Rate.of(count, 60.0, burst)

    assert len(list(takes(rate, [0] * (burst + 1)))) == burst


@given(COUNTS, st.integers(1, 100))
def test_whoever_keeps_to_the_rate_is_never_refused(count, burst):
    rate = Rate.of(count, 1.0, burst)

    assert len(list(takes(rate, [rate.step_ns] * 300))) == 300


@given(COUNTS, COUNTS, st.integers(0, 2000))
def test_what_is_left_is_what_can_be_taken(count, burst, before):
    rate, state_ns = Rate.of(count, 60.0, burst), 0
    for _ in range(min(before, burst)):
        state_ns = rate.taken(state_ns, 0)
    left = rate.left(state_ns, 0)
    for number in range(left):
        assert rate.wait_ns(state_ns, 0) == 0, number
        state_ns = rate.taken(state_ns, 0)

    assert rate.wait_ns(state_ns, 0) > 0


def test_a_clock_that_steps_back_gives_nothing_away():
    rate = Rate.of(1, 1.0, 1)
    state_ns = rate.taken(0, 100 * NS)

    assert rate.wait_ns(state_ns, 50 * NS) == 51 * NS
