"""Ids of requests: no two alike, in this process or in another."""

import re

from gateway.request_ids import RequestIds


def test_ids_are_counted_behind_a_prefix_of_the_process():
    ours, theirs = RequestIds(), RequestIds()
    made = [ours.next(), ours.next(), theirs.next()]
    assert all(re.fullmatch(rb"[0-9a-f]{12}-[12]", each) for each in made)
    assert len({each.partition(b"-")[0] for each in made}) == 2
    assert made[1] == made[0][:-1] + b"2"


def test_ids_are_counted_in_hexadecimal_digits():
    ids = RequestIds()
    made = [ids.next().partition(b"-")[2] for _ in range(0x1_0200)]

    assert made == [b"%x" % number for number in range(1, 0x1_0201)]
