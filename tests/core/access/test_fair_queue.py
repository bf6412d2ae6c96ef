"""Who is next: networks take turns, and none can fill the queue for the others."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.fair_queue import FairQueue


def joined(queue, *networks):
    """Let them join in this order; return their places."""
    return [queue.join(network)[0] for network in networks]


def left_in(queue):
    """Take all of them out; return their networks in the order of their turns."""
    return [place.network for place in iter(queue.next, None)]


def test_networks_take_turns_and_each_serves_who_came_first():
    queue = FairQueue(100)
    first, second, *_ = joined(queue, "a", "a", "a", "b", "c", "b")

    assert queue.next() is first
    assert [place.network for place in (queue.next(), queue.next())] == ["b", "c"]
    assert queue.next() is second
    assert left_in(queue) == ["b", "a"]


def test_one_that_is_alone_has_all_of_it():
    queue = FairQueue(3)
    joined(queue, "a", "a", "a")

    assert queue.join("a") == (None, None)
    assert left_in(queue) == ["a", "a", "a"]


def test_a_full_queue_makes_room_for_a_network_with_less_than_its_share():
    queue = FairQueue(4)
    *_, last = joined(queue, "a", "a", "a", "a")
    assert (queue.is_full_for("a"), queue.is_full_for("b")) == (True, False)
    place, displaced = queue.join("b")

    assert place.network == "b"
    assert displaced is last
    assert left_in(queue) == ["a", "b", "a", "a"]


def test_but_not_for_one_that_has_its_share():
    queue = FairQueue(4)
    joined(queue, "a", "a", "b", "b")

    assert queue.join("b") == queue.join("a") == (None, None)
    assert queue.join("c")[0] is not None  # a third of 4 is 1
    assert queue.join("c") == (None, None)


def test_more_networks_than_places_get_one_each():
    queue = FairQueue(3)
    joined(queue, "a", "b", "c")

    assert queue.join("d") == (None, None)
    assert len(queue) == 3


def test_whoever_leaves_is_not_served_and_leaves_once():
    queue = FairQueue(4)
    first, second = joined(queue, "a", "a")
    queue.leave(first)
    queue.leave(first)

    assert len(queue) == 1
    assert queue.next() is second
    assert queue.next() is None
    queue.leave(second)
    assert len(queue) == 0


NETWORKS = st.sampled_from("abcd")


@given(st.lists(st.one_of(NETWORKS, st.just("next"), st.integers(0, 50)), max_size=200), st.integers(1, 12))
def test_it_counts_right_and_nobody_waits_for_more_than_one_turn_of_each_other(steps, most):
    queue, inside, waited = FairQueue(most), [], Counter()
    for step in steps:
        if isinstance(step, int):
            if inside:
                queue.leave(inside.pop(step % len(inside)))
        elif step == "next":
            place = queue.next()
            assert (place is None) is (not inside)
            if place is not None:
                inside.remove(place)
                waited.update({each.network for each in inside})
                waited[place.network] = 0
        else:
            place, displaced = queue.join(step)
            if displaced is not None:
                inside.remove(displaced)
            if place is not None:
                inside.append(place)
        for network in set(waited) - {each.network for each in inside}:
            del waited[network]
        assert len(queue) == len(inside) <= most
        assert max(waited.values(), default=0) <= 3
