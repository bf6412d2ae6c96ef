import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.fields import FieldNames, line, options, without

NAMES = st.text(st.sampled_from("abXY-_1"), min_size=1, max_size=8).map(str.encode)


def names():
    return FieldNames(frozenset({b"x-special", b"via"}), b"x-pre-")


def test_fields_are_sorted_into_lines_and_special_ones():
    fields = [(b"A", b"1"), (b"VIA", b"2"), (b"a", b"3"), (b"X-Pre-Any", b"4"), (b"via", b"5")]

    assert names().sort(fields) == ([b"A: 1", b"a: 3"], {b"via": b"2, 5", b"x-pre-any": b"4"})


@pytest.mark.parametrize(
    "name", [b"x-special", b"X_SPECIAL", b"x_Special", b"X-PRE-", b"x_pre_a", b"x-pre_a", b"Via"]
)
def test_a_special_name_is_special_in_every_spelling(name):
    assert names().is_special(name)


@pytest.mark.parametrize("name", [b"x-specia", b"x-special-", b"x-pre", b"-via", b"vi-a"])
def test_a_similar_name_is_not(name):
    assert not names().is_special(name)


def test_an_underscore_twin_never_counts_as_the_field_itself():
    _, special = names().sort([(b"X_Special", b"evil")])

    assert b"x-special" not in special


@given(st.lists(st.tuples(NAMES, st.binary())))
def test_sorting_twice_gives_the_same(fields):
    """What is remembered of a name does not change what is said of it."""
    sorter = names()

    assert sorter.sort(fields) == sorter.sort(fields) == names().sort(fields)


@given(st.lists(st.tuples(NAMES, st.binary())))
def test_no_value_is_lost_or_changed(fields):
    lines, special = names().sort(fields)
    expected = [name + b": " + value for name, value in fields if not names().is_special(name)]

    assert lines == expected
    assert set(special) == {name.lower() for name, _ in fields if names().is_special(name)}


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (b"", set()),
        (b" , ,\t", set()),
        (b"close", {b"close"}),
        (b"Close,  Keep-Alive\t,x", {b"close", b"keep-alive", b"x"}),
        (b"a,a,A", {b"a"}),
    ],
)
def test_a_list_is_taken_apart(value, elements):
    assert options(value) == elements


@pytest.mark.parametrize("name", [b"X-Foo", b"x-foo", b"X_Foo", b"x_FOO"])
def test_lines_are_taken_out_by_name_in_every_spelling(name):
    assert without([b"X-A: 1", name + b": a: b", b"X-Foo2: 1"], frozenset({b"x-foo"})) == [
        b"X-A: 1",
        b"X-Foo2: 1",
    ]


def test_a_line_is_written_in_latin_1():
    assert line("X-Foo", "caf\xe9") == b"X-Foo: caf\xe9"
