"""Conditions on JSON documents: which values fulfil them, and what is said of those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.text.json_condition import ANYTHING, JsonCondition, Presence, Scalar
from gateway.core.text.json_pointer import read_pointer
from tests.core.text.test_json_object import JSON

SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)


@pytest.mark.parametrize(
    ("values", "document"),
    [
        ((0,), {"errcode": 0}),
        ((0,), {"errcode": 0.0}),
        ((0,), {"errcode": "0"}),
        (("0",), {"errcode": 0}),
        ((True,), {"errcode": "true"}),
        (("ok", "OK"), {"errcode": "OK"}),
        ((None,), {"errcode": None}),
        ((None,), {}),
        ((None, 0), {"errcode": 0}),
        (ANYTHING, {"errcode": 0}),
        (ANYTHING, {"errcode": {}}),
    ],
)
def test_a_condition_holds(values: tuple[Scalar, ...] | Presence, document: object):
    assert JsonCondition(read_pointer("/errcode"), values).holds(document)


@pytest.mark.parametrize(
    ("values", "document", "said"),
    [
        ((0,), {"errcode": 40001}, "/errcode is a number, and not what is wanted"),
        ((0,), {"errcode": "secret"}, "/errcode is a text, and not what is wanted"),
        ((0,), {"errcode": False}, "/errcode is true or false, and not what is wanted"),
        ((1,), {"errcode": True}, "/errcode is true or false, and not what is wanted"),
        ((0,), {"errcode": None}, "/errcode is null, and not what is wanted"),
        ((0,), {"errcode": [0]}, "/errcode is a list of 1, and not what is wanted"),
        ((0,), {"code": 0}, "the document is an object with the members code"),
        ((0,), [0], "the document is a list of 1"),
        (ANYTHING, {"errcode": None}, "/errcode is null"),
        (ANYTHING, {}, "the document is an empty object"),
    ],
)
def test_a_condition_that_fails_says_what_stands_there(
    values: tuple[Scalar, ...] | Presence, document: object, said: str
):
    assert JsonCondition(read_pointer("/errcode"), values).objection(document) == said


def test_conditions_are_not_equal_because_their_values_are_in_python():
    ones = {JsonCondition(read_pointer("/a"), (one,)) for one in (1, True, 1.0, "1")}
    assert len(ones) == 4


@given(SCALARS)
def test_every_value_equals_itself(value: Scalar):
    assert JsonCondition(read_pointer("/a"), (value,)).holds({"a": value})


@given(st.lists(SCALARS, max_size=3), JSON)
def test_every_document_fulfils_it_or_does_not(values: list[Scalar], document: object):
    assert JsonCondition(read_pointer("/a"), tuple(values)).holds(document) in {True, False}
