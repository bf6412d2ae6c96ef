from __future__ import annotations

from gateway.config.document.validation_words import in_plain_words
from gateway.config.problems import Mistake, dotted
from gateway.config.yaml.parse import parse


def test_an_error_that_nobody_thought_of_is_told_without_the_value():
    """Other versions of pydantic may have other errors; none of their own words is passed on."""
    root, _ = parse("grace: hunter2\n")
    error = {"type": "brand_new", "loc": ("grace",), "msg": "hunter2 is no grace", "input": "hunter2"}
    assert in_plain_words([error], root) == [  # type: ignore[list-item]
        Mistake(("grace",), "the value cannot be used here, found text")
    ]


def test_places_are_written_as_the_operator_reads_them():
    assert dotted(()) == ""
    assert dotted(("routes", 0, "headers", "request", "set", "X-A")) == "routes[0].headers.request.set.X-A"


def test_keys_that_could_forge_a_line_are_escaped_and_long_ones_cut():
    assert dotted(("clients", "a\nb")) == "clients.a\\nb"
    assert dotted(("a" * 100,)) == "a" * 61 + "..."
    assert dotted(("",)) == '""'
