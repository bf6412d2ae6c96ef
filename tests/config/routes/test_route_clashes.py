"""Equal routes are told from others."""

from __future__ import annotations

import pytest

from tests.config.documents import problems_of


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ("", "", True),
        (", methods: [GET]", ", methods: [GET]", True),
        (", methods: [GET, PUT]", ", methods: [PUT, GET]", True),
        (", methods: [GET, PUT]", ", methods: [PUT, POST]", True),
        (", methods: [GET]", ", methods: [PUT]", False),
        (", methods: [GET]", "", False),
        (", host: a.b", ", host: A.B.", True),
        (", host: a.b", ", host: '*.b'", False),
        (", host: a.b", "", False),
        (", host: a.b, methods: [GET]", ", host: a.b", False),
    ],
)
def test_equal_routes_are_refused_and_others_are_not(one, other, is_equal):
    text = "routes: [{{path: /a, upstream: 'http://a'{}}}, {{path: /a/, upstream: 'http://b'{}}}]"
    assert len(problems_of(text.format(one, other))) == is_equal
    assert len(problems_of(text.format(other, one))) == is_equal


def test_the_later_of_three_equal_routes_are_refused_each_once():
    route = "  - {path: /a, upstream: 'http://a'}\n"
    assert [line.split(":")[0] for line in problems_of("routes:\n" + route * 3)] == ["3", "4"]
