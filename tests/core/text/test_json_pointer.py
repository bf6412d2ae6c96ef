"""JSON pointers: RFC 6901's own examples, and what is said where one leads nowhere."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.text.json_pointer import (
    Astray,
    BadPointer,
    Found,
    JsonPointer,
    described,
    follow,
    read_pointer,
)
from tests.core.text.test_json_object import JSON

OF_THE_RFC: Final = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}
NAMES: Final = "0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", OF_THE_RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc(text: str, value: object):
    assert follow(read_pointer(text), OF_THE_RFC) == Found(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("data", "begins with a slash"),
        ("$.data", "begins with a slash"),
        ("#/data", "begins with a slash"),
        ("/a~b", "~ is written ~0"),
        ("/a~", "~ is written ~0"),
        ("/a~2", "~ is written ~0"),
        ("/" * 33, "at most 32 steps"),
    ],
)
def test_what_is_no_pointer_is_refused_with_a_reason(text: str, why: str):
    with pytest.raises(BadPointer, match=why):
        read_pointer(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/token", "the document is an object with the members data, list, none, word"),
        ("/data/token", "/data is an object with the members code, msg"),
        ("/data/code/x", "/data/code is a number"),
        ("/list/2", "/list is a list of 2"),
        ("/list/-", "/list is a list of 2"),
        ("/list/00", "/list is a list of 2"),
        ("/list/1/0", "/list/1 is true or false"),
        ("/none/x", "/none is null"),
        ("/word/x", "/word is a text"),
    ],
)
def test_where_a_pointer_leads_nowhere_the_place_and_what_was_there_are_said(text: str, said: str):
    document = {"data": {"code": 1, "msg": "secret"}, "list": ["", True], "none": None, "word": "secret"}
    assert str(follow(read_pointer(text), document)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "an empty object"),
        ([], "an empty list"),
        ("", "an empty text"),
        (1.5, "a number"),
        ({NAMES: 1, "a b": 1, "c" * 41: 1}, "an object with the members 3 whose names are not shown"),
        ({"id": 1, NAMES: 1}, "an object with the members id, and 1 whose names are not shown"),
    ],
)
def test_names_that_may_be_identifiers_are_not_shown(value: object, said: str):
    assert described(value) == said


@given(st.lists(st.text(max_size=5), max_size=32))
def test_every_pointer_is_read_as_it_is_written(steps: list[str]):
    assert read_pointer(str(JsonPointer(tuple(steps)))) == JsonPointer(tuple(steps))


@given(st.text(max_size=12))
def test_every_text_is_a_pointer_or_is_refused(text: str):
    try:
        assert str(read_pointer(text)) == text
    except BadPointer as wrong:
        assert str(wrong)


@given(JSON, st.lists(st.text(max_size=3), max_size=4))
def test_every_search_finds_a_value_or_says_where_it_ended(document: object, steps: list[str]):
    found = follow(JsonPointer(tuple(steps)), document)
    if isinstance(found, Astray):
        assert str(JsonPointer(tuple(steps))).startswith(found.place)
        assert isinstance(follow(read_pointer(found.place), document), Found)
