"""Ids of requests: no two alike, in this process or in another."""

import re

from gateway.request_ids import request_ids


def test_ids_are_counted_behind_a_prefix_of_the_process():
    ours, theirs = request_ids(), request_ids()
    made = [ours(), ours(), theirs()]
    assert all(re.fullmatch(rb"[0-9a-f]{12}-[12]", each) for each in made)
    assert len({each.partition(b"-")[0] for each in made}) == 2
    assert made[1] == made[0][:-1] + b"2"
