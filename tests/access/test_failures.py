"""Wrong passwords by network."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.access import failures
from gateway.access.failures import BURST, Failures
from tests.access.clocks import Hands


def made():
    hands = Hands()
    return hands, Failures(lambda: hands.now_s)


def attempts(counted, network="192.0.2.1"):
    made = 0
    while not counted.wait_s(network):
        counted.attempt(network)
        made += 1
    return made


def test_beyond_the_burst_one_may_be_made_every_six_seconds():
    hands, counted = made()

    assert attempts(counted) == BURST
    assert counted.wait_s("192.0.2.1") == 6
    hands.pass_s(6)
    assert attempts(counted) == 1


def test_other_networks_are_not_concerned():
    _, counted = made()
    attempts(counted)

    assert counted.wait_s("192.0.2.2") == 0


def test_a_success_is_given_back():
    _, counted = made()
    for _ in range(3 * BURST):
        counted.succeeded(counted.attempt("192.0.2.1"))

    assert attempts(counted) == BURST


def test_a_full_table_shares_one_count_and_forgets_who_owes_nothing(monkeypatch):
    monkeypatch.setattr(failures, "MOST_NETWORKS", 2)
    hands, counted = made()
    for name in "ab":
        counted.attempt(name)
    attempts(counted, "c")
    assert counted.wait_s("d") > 0  # it shares the count of c
    assert len(counted) == 3
    hands.pass_s(3600)

    assert attempts(counted, "d") == BURST
    assert len(counted) <= 2


@given(st.lists(st.floats(0, 30), max_size=100))
def test_never_more_than_the_burst_and_the_rate(pauses_s):
    hands, counted = made()
    began_s, taken = hands.now_s, 0
    for pause_s in pauses_s:
        hands.pass_s(pause_s)
        taken += attempts(counted)
        assert taken <= BURST + (hands.now_s - began_s) / 6 + 1e-6
