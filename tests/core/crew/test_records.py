"""Records survive their way as packets, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.crew.packet_form import BadRecord, decoded, encoded
from gateway.core.crew.records import KeyIs, Prepare, Record, TokenIs, Want

VALUES = {
    int: st.integers(),
    float: st.floats(allow_nan=False),
    str: st.text(),
    tuple[str, ...]: st.lists(st.text(), max_size=3).map(tuple),
    tuple[tuple[str, str], ...]: st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
}


def records_of(kind):
    hints = get_type_hints(kind)
    return st.builds(kind, **{each.name: VALUES[hints[each.name]] for each in fields(kind)})


RECORDS = st.one_of([records_of(kind) for kind in get_args(Record)])


@given(record=RECORDS)
@settings(max_examples=150, deadline=None)
def test_a_record_comes_out_as_it_went_in(record):
    assert decoded(encoded(record)) == record


@given(
    packet=st.one_of(
        st.binary(max_size=60),
        st.recursive(st.text(max_size=5) | st.integers(), st.lists).map(
            lambda v: str(v).replace("'", '"').encode()
        ),
    )
)
@settings(max_examples=150, deadline=None)
def test_anything_else_is_no_record(packet):
    try:
        record = decoded(packet)
    except BadRecord:
        return
    assert decoded(encoded(record)) == record


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"{}",
        b"[]",
        b'["Want"]',
        b'["Want", 1]',
        b'["Want", 1, 2, 3]',
        b'["Want", 1, true]',
        b'["Want", 1, "2"]',
        b'["Want", 1, 2.0]',
        b'["Gone", 1]',
        b'[["Want"], 1, 2]',
        b'["HoldOnly", "abc"]',
        b'["HoldOnly", [1]]',
        b"[" * 100_000,
    ],
)
def test_what_is_almost_a_record_is_none(packet):
    with pytest.raises(BadRecord):
        decoded(packet)


def test_whole_numbers_are_instants_too():
    assert decoded(b'["NoTokenIs", 1, "token_refused", "no", 5, "", ""]').retry_at_s == 5.0
    assert decoded(b'["Want", 1, 2]') == Want(1, 2)


def test_no_record_shows_a_secret():
    token = TokenIs(1, 1, "Bearer s3cret", (("token", "s3cret"),), 0.0, 1.0, 1.0, 0.0, "ab", (), 1, "s3cret")
    for record in (token, KeyIs(1, "ES256", "s3cret"), Prepare(1, "s3cret")):
        assert "s3cret" not in repr(record)
