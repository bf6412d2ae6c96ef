from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.problems import Wrong
from gateway.config.values.units import LARGEST_BYTES, LONGEST_S, duration_s, size_bytes, written

UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
UNITS_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1ms", 0.001),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("30s", 30),
        ("5m", 300),
        ("24h", 86400),
        ("0.001s", 0.001),
    ],
)
def test_durations_are_read_as_seconds(text, seconds):
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "30", "30 s", "30S", "30sec", "1h30m", "-1s", "+1s", "1,5s", "1e3s", "٣s", "5m\n"]
)
def test_other_texts_are_no_durations(text):
    with pytest.raises(Wrong, match="expected a duration such as"):
        duration_s(text)


@pytest.mark.parametrize("value", [30, 0, -1, 1.5])
def test_a_plain_number_is_told_to_take_a_unit(value):
    with pytest.raises(Wrong, match="write 30s"):
        duration_s(value)


@pytest.mark.parametrize("text", ["0s", "0.0ms", "0.5ms", "25h", "86401s", "999999999h"])
def test_durations_are_positive_and_bounded(text):
    with pytest.raises(Wrong, match="from 1ms to 24h"):
        duration_s(text)


@pytest.mark.parametrize("value", [True, None, [], {}])
def test_no_other_kind_of_value_is_a_duration(value):
    with pytest.raises(Wrong):
        duration_s(value)


@pytest.mark.parametrize(
    ("value", "size"),
    [("1B", 1), ("64KiB", 65536), ("1MiB", 1048576), ("1024GiB", LARGEST_BYTES), (1, 1), (4096, 4096)],
)
def test_sizes_are_read_as_bytes(value, size):
    assert size_bytes(value) == size


@pytest.mark.parametrize(
    "value", ["", "64", "64KB", "64kib", "1.5MiB", "-1B", "1 MiB", "1TiB", True, 1.5, None, []]
)
def test_other_values_are_no_sizes(value):
    with pytest.raises(Wrong, match="expected a size such as"):
        size_bytes(value)


@pytest.mark.parametrize("value", [0, -1, "0B", LARGEST_BYTES + 1, "1025GiB"])
def test_sizes_are_positive_and_bounded(value):
    with pytest.raises(Wrong, match="from 1B to 1024GiB"):
        size_bytes(value)


def test_a_narrower_bound_is_named_in_its_largest_unit():
    assert size_bytes("1MiB", at_most=1024**2) == 1024**2
    with pytest.raises(Wrong, match="from 1B to 1MiB"):
        size_bytes("1025KiB", at_most=1024**2)


@given(st.integers(1, 10**9 - 1), st.sampled_from(sorted(UNITS_S)))
def test_a_duration_is_its_number_times_its_unit(number, unit):
    expected = number * UNITS_S[unit]
    if expected <= LONGEST_S:
        assert duration_s(f"{number}{unit}") == pytest.approx(expected)
    else:
        with pytest.raises(Wrong):
            duration_s(f"{number}{unit}")


@given(st.integers(1, LARGEST_BYTES))
def test_a_size_that_was_written_is_read_as_itself(size):
    assert size_bytes(written(size)) == size
    assert size_bytes(size) == size


@given(st.text(max_size=12))
def test_any_text_is_a_duration_and_a_size_or_wrong(text):
    for reader in (duration_s, size_bytes):
        try:
            assert reader(text) > 0
        except Wrong:
            continue
