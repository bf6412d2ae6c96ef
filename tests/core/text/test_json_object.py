"""JSON that another server wrote: a well-formed object, or nothing."""

from __future__ import annotations

import json
from math import isfinite
from sys import getsizeof

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.text.json_object import finite_number, json_bytes, read_json_object, texts_in

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_every_object_comes_back(members: dict[str, object]):
    assert read_json_object(json.dumps(members).encode()) == members


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"null",
        b"{",
        b'{"a": 1} x',
        b'{"a": 1, "a": 1}',
        b'{"b": {"a": 1, "a": 2}}',
        b'{"a": \xff}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a":' * 100_000,
    ],
)
def test_anything_else_is_nothing(body: bytes):
    assert read_json_object(body) is None


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_is_none_counts_as_null(number: bytes):
    assert read_json_object(b'{"a": %b}' % number) == {"a": None}


def test_a_mark_of_byte_order_is_read_over():
    assert read_json_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (1.5, 1.5), (-0.0, 0.0), (True, None), ("1", None), (None, None), (10**400, None)],
)
def test_a_number_is_finite_or_none(value: object, number: float | None):
    assert finite_number(value) == number


@given(JSON)
def test_any_value_is_a_finite_number_or_none(value: object):
    found = finite_number(value)
    assert found is None or isfinite(found)


def test_texts_are_found_wherever_they_stand_but_not_names_of_members():
    assert list(texts_in({"a": "x", "b": ["y", {"c": "z", "d": 1}], "e": None})) == ["x", "y", "z"]


@given(st.binary())
def test_every_body_yields_an_object_or_nothing(body: bytes):
    assert isinstance(read_json_object(body), dict | None)


def test_the_memory_of_a_value_is_that_of_all_its_parts():
    value = {"a": ["xyz", 5], "b": {"c": None}}
    parts = [value, "a", value["a"], "xyz", 5, "b", value["b"], "c", None]

    assert json_bytes(value) == sum(map(getsizeof, parts))


def test_however_deep_it_is():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]

    assert json_bytes(value) > 100_000 * getsizeof([])
    while value:  # in place: to free it all at once is a recursion of Python's own
        value = value.pop()  # type: ignore[assignment]
