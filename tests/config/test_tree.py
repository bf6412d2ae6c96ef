"""A `Loc` is followed as far as the tree goes, and a mistake is reported where it ends."""

from __future__ import annotations

import pytest

from gateway.config.problems import Mistake, Place
from gateway.config.tree import find, plain, problems
from gateway.config.yaml.parse import parse

TEXT = """\
listen: unix:/a
routes:
  - path: /
    methods: [GET, PUT]
"""
TREE, _ = parse(TEXT)


@pytest.mark.parametrize(
    ("loc", "reached", "key_place", "place"),
    [
        ((), (), (1, 1), (1, 1)),
        (("listen",), ("listen",), (1, 1), (1, 9)),
        (("listen", 0), ("listen",), (1, 1), (1, 9)),  # one thing stands for a list of one
        (("listen", 1), ("listen",), (1, 1), (1, 9)),
        (("routes", 0, "methods", 1), ("routes", 0, "methods", 1), (4, 20), (4, 20)),
        (("routes", 0, "host"), ("routes", 0), (3, 5), (3, 5)),
        (("routes", 7, "host"), ("routes",), (2, 1), (3, 3)),
        (("routes", "path"), ("routes",), (2, 1), (3, 3)),
        (("nothing",), (), (1, 1), (1, 1)),
    ],
)
def test_a_place_is_found_as_far_as_the_tree_goes(loc, reached, key_place, place):
    spot = find(TREE, loc)
    assert (spot.loc, spot.key_place, spot.node.place) == (reached, Place(*key_place), Place(*place))


def test_a_single_mapping_may_be_written_without_its_list():
    tree, _ = parse("listen: {address: unix:/a}\n")
    assert find(tree, ("listen", 0, "address")).loc == ("listen", "address")
    assert find(tree, ("listen", 1, "address")).loc == ("listen",)


def test_the_plain_values_are_those_of_the_text():
    assert plain(TREE) == {"listen": "unix:/a", "routes": [{"path": "/", "methods": ["GET", "PUT"]}]}


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (Mistake(("listen",), "m"), "f:1:9: listen: m"),
        (Mistake(("listen",), "m", is_about_key=True), "f:1:1: listen: m"),
        (Mistake(("listen", 0), "m"), "f:1:9: listen: m"),
        # A missing key has no place, but a name.
        (Mistake(("routes", 0, "host"), "m", is_about_key=True), "f:3:5: routes[0].host: m"),
        (Mistake(("routes", 0, "host"), "m"), "f:3:5: routes[0]: m"),
        (Mistake(("listen",), "m", place=Place(9, 9)), "f:9:9: listen: m"),
    ],
)
def test_a_mistake_is_reported_at_its_key_at_its_value_or_where_it_says(mistake, told):
    assert [str(problem) for problem in problems("f", TREE, [mistake])] == [told]
