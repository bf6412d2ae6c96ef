"""The upstreams that the credentials of a route name: prepared once, bounded, given up in turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.errors import InstanceNotAllowed
from gateway.core.settings.instances import InstancePattern, InstanceSettings
from gateway.instances import MOST, Instances
from tests.core.samples import route, token

SETTINGS = route(instances=InstanceSettings("at", (InstancePattern("*.test.example"),), is_host=True))


class Pool:
    """Tells what was done with it; a naive fake would be empty from the beginning."""

    def __init__(self):
        self.is_empty = False
        self.done = []
        self.swept = 0

    def give_up(self):
        self.done.append("given up")

    def close(self):
        self.done.append("closed")

    def sweep(self, _now_s):
        self.swept += 1


class Made:
    """Stands for a route."""

    def __init__(self, settings):
        self.settings = settings
        self.pool = Pool()


def naming(number, serial=1):
    return replace(token(serial), parts=(("token", "t"), ("at", f"n{number}.test.example")))


def test_an_instance_is_prepared_once():
    made = []
    instances = Instances(SETTINGS, lambda settings: made.append(Made(settings)) or made[-1])
    one = naming(1)
    assert instances.of(one) is instances.of(one)
    assert instances.of(naming(1, serial=2)) is instances.of(one)
    assert instances.of(naming(2)) is not instances.of(one)
    assert [each.settings.upstream.host for each in made] == ["n1.test.example", "n2.test.example"]


def test_those_named_longest_ago_are_given_up_and_closed_once_they_are_empty():
    instances = Instances(SETTINGS, Made)
    first = instances.of(naming(0))
    second = instances.of(naming(1))
    for number in range(2, MOST):
        instances.of(naming(number))
    instances.of(naming(0))  # named again
    instances.of(naming(MOST))
    assert (first.pool.done, second.pool.done) == ([], ["given up"])

    instances.sweep(0.0)
    assert (second.pool.done, second.pool.swept) == (["given up"], 1)
    second.pool.is_empty = True
    instances.sweep(0.0)
    assert second.pool.done == ["given up", "closed"]
    instances.sweep(0.0)
    assert second.pool.swept == 2
    assert first.pool.swept == 3


def test_all_of_them_end_together():
    instances = Instances(SETTINGS, Made)
    pools = [instances.of(naming(number)).pool for number in range(MOST + 1)]
    instances.give_up()
    instances.close()
    assert all(pool.done[-2:] == ["given up", "closed"] for pool in pools)


def test_one_that_is_not_allowed_is_not_prepared():
    instances = Instances(SETTINGS, lambda _settings: pytest.fail("prepared"))
    with pytest.raises(InstanceNotAllowed):
        instances.of(replace(token(1), parts=(("at", "evil.test"),)))
