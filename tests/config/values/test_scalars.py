from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.values.scalars import scalar, why_odd


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("1", 1),
        ("-12", -12),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("no", "no"),
        ("a", "a"),
        ("1.2.3", "1.2.3"),
        ("30s", "30s"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("-", "-"),
    ],
)
def test_unquoted_words_mean_what_the_core_schema_says(text, value):
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_an_unreadable_number_is_a_number_all_the_same():
    assert scalar("1" * 30) == float("1" * 30)
    assert scalar(".nan") != scalar(".nan")


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No",
        "NO",
        "n",
        "y",
        "yes",
        "on",
        "ON",
        "off",
        "Off",
        "010",
        "-07",
        "00",
        "1_000",
        "0x1_0",
        "0b11",
        "1_0.5",
        "12:30",
        "1:2:3.5",
        "190:20:30",
        "2024-01-01",
        "2024-01-01T10:00:00Z",
        "2024-1-1 10:00",
    ],
)
def test_what_yaml_1_1_reads_otherwise_is_odd(text):
    assert why_odd(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "10",
        "none",
        "not",
        "only",
        "offline",
        "127.0.0.1:8080",
        "localhost:8080",
        "a_b",
        "1.5",
        "0o17",
        "0x1F",
        "_1",
        "true",
        "null",
        "30s",
        "2001:db8::",
        "12:3a",
        "2024-01",
        "10.0.0.0/8",
        "",
    ],
)
def test_what_both_read_alike_is_not(text):
    assert why_odd(text) is None


@given(st.text())
def test_any_text_is_some_scalar_and_no_reason_quotes_it(text):
    scalar(text)
    reason = why_odd(text)
    assert reason is None or len(text) < 4 or text not in reason
