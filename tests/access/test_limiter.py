"""Limits: what is refused is counted nowhere, tables are bounded, places come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import limiter as module
from gateway.access.limiter import InFlightCounter, Limiter, RateCounter
from gateway.core.access.gcra import NS
from gateway.core.access_errors import CapacityExceeded, RateExceeded
from gateway.core.caller import Caller, WayName
from gateway.core.settings.access_settings import InFlightLimit, LimitKey, RateLimit

ALICE, BOB = (Caller(WayName("staff"), name) for name in ("alice", "bob"))
HERE, THERE = "192.0.2.1", "192.0.2.2"


def per(by, burst=2):
    return RateLimit(by.value, 60, 60.0, burst, by)


def serve(limiter, address=HERE, caller=ALICE, at_s=0.0):
    limiter.arrive(address, at_s)
    return limiter.enter(address, caller, at_s)


def served(limiter, times, **how):
    count = 0
    for _ in range(times):
        try:
            serve(limiter, **how)
        except (RateExceeded, CapacityExceeded):
            continue
        count += 1
    return count


def test_each_caller_has_its_own_quota():
    limiter = Limiter([per(LimitKey.CALLER)])

    assert [served(limiter, 5), served(limiter, 5, caller=BOB)] == [2, 2]
    assert served(limiter, 5, at_s=1.0) == 1


def test_each_network_has_its_own_before_anybody_is_asked():
    limiter = Limiter([per(LimitKey.NETWORK)])
    for _ in range(2):
        limiter.arrive(HERE, 0.0)
    with pytest.raises(RateExceeded) as raised:
        limiter.arrive(HERE, 0.0)

    assert raised.value.retry_after_s == 1
    assert raised.value.fields == (
        ("RateLimit", '"network";r=0;t=2'),
        ("RateLimit-Policy", '"network";q=60;w=60'),
    )
    limiter.arrive(THERE, 0.0)


def test_an_ipv6_subscriber_cannot_rotate_addresses():
    limiter = Limiter([per(LimitKey.NETWORK)])

    assert sum(served(limiter, 1, address=f"2001:db8::{n:x}") for n in range(1, 50)) == 2


def test_what_all_share_is_no_fault_of_one():
    limiter = Limiter([per(LimitKey.ROUTE)])
    served(limiter, 2)
    with pytest.raises(CapacityExceeded) as raised:
        serve(limiter, THERE, BOB)

    assert (raised.value.status, raised.value.retry_after_s) == (503, 1)


@given(st.lists(st.sampled_from([(HERE, ALICE), (HERE, BOB), (THERE, ALICE)]), max_size=30))
def test_a_request_that_is_refused_is_counted_nowhere(requests):
    limits = [per(LimitKey.NETWORK, 5), per(LimitKey.CALLER, 3), InFlightLimit("f", 6)]
    limiter, others = Limiter(limits), Limiter(limits)
    for address, caller in requests:
        try:
            serve(limiter, address, caller)
        except (RateExceeded, CapacityExceeded):
            continue
        serve(others, address, caller)  # which never saw the ones that were refused
    for address, caller in ((HERE, ALICE), (HERE, BOB), (THERE, ALICE)):
        assert limiter.fields(address, caller, 0.0) == others.fields(address, caller, 0.0)


def test_places_in_flight_come_back():
    limiter = Limiter([InFlightLimit("capacity", 2)])
    first, second = serve(limiter), serve(limiter)
    with pytest.raises(CapacityExceeded):
        serve(limiter)
    first()
    assert callable(serve(limiter))
    second()


def test_a_caller_may_have_so_many_in_flight():
    limiter = Limiter([InFlightLimit("own", 1, LimitKey.CALLER)])
    serve(limiter)
    with pytest.raises(RateExceeded):
        serve(limiter)
    serve(limiter, caller=BOB)


def test_nothing_is_remembered_of_what_is_over():
    counter = InFlightCounter(InFlightLimit("f", 1))
    counter.enter("a")
    counter.leave("a")

    assert counter._counts == {}


def test_a_full_table_forgets_what_is_as_good_as_unused(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEYS", 3)
    counter = RateCounter(per(LimitKey.NETWORK, 1))
    for key in "abc":
        counter.take(key, 0)
    counter.take("d", 10 * NS)

    assert set(counter._states_ns) == {"d"}


def test_newcomers_of_a_full_table_share_a_count(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEYS", 3)
    counter = RateCounter(per(LimitKey.NETWORK, 1))
    for number in range(100):
        counter.take(str(number), 0)

    assert len(counter._states_ns) == 4  # three, and the one that all others share


def test_newcomers_of_a_full_table_are_limited(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEYS", 3)
    limiter = Limiter([per(LimitKey.NETWORK, 1)])

    assert sum(served(limiter, 1, address=f"10.0.0.{n}") for n in range(100)) == 4


def test_without_rates_of_its_own_a_caller_is_told_nothing():
    assert Limiter([per(LimitKey.ROUTE), InFlightLimit("f", 1)]).fields(HERE, None, 0.0) == ()
