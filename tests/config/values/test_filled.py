"""What references gave, where a key takes no text: read as YAML reads an unquoted scalar."""

from __future__ import annotations

import pickle
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gateway.config.problems import Wrong
from gateway.config.values.filled import Filled, NotFitting, reader_of_filled, unquoted
from gateway.config.values.scalars import why_odd


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("-1", -1),
        (" 4\n", 4),
        ("0x10", 16),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("30s", "30s"),
        (" 30s\n", "30s"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("null", "null"),
        ("", ""),
        ("[4]", "[4]"),
        ("{a: 4}", "{a: 4}"),
        ("4 # four", "4 # four"),
        ("'4'", "'4'"),
        ("!!int 4", "!!int 4"),
    ],
)
def test_it_is_read_as_an_unquoted_scalar_and_never_as_more(text, value):
    found = unquoted(Filled(text))
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("value", ["4", "true", 4, True, None, ["4"]])
def test_anything_else_stays_what_it_is(value):
    assert unquoted(value) is value


@given(st.text(string.digits + "+-.eExo_ truefalsnyo", max_size=6))
def test_a_whole_number_or_a_word_is_what_other_readers_of_yaml_see(text):
    found = unquoted(Filled(text))
    if isinstance(found, int):
        assert found == YAML(typ="safe", pure=True).load(text)
        assert why_odd(text.strip()) is None


def test_what_does_not_fit_is_told_from_what_was_written_wrongly():
    def refuse(value: object) -> object:
        raise Wrong(f"expected better than {type(value).__name__}")

    with pytest.raises(NotFitting, match="better than int"):
        reader_of_filled(refuse)(Filled("4"))
    with pytest.raises(Wrong) as caught:
        reader_of_filled(refuse)("4")
    assert type(caught.value) is Wrong


def test_other_processes_get_plain_text():
    assert type(pickle.loads(pickle.dumps(Filled("a")))) is str
