"""Lists that another server wrote, cut with the number of what is left out."""

import pytest

from gateway.core.text.cut import SHOWN_WORDS, some_of


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, ""),
        (1, "w"),
        (2, "w, w"),
        (3, "w, w, w"),
        (4, "w, w, w (and 1 more)"),
        (99, "w, w, w (and 96 more)"),
    ],
)
def test_what_is_left_out_is_counted(count: int, told: str):
    assert some_of(["w"] * count, most=3) == told


def test_what_is_shown_of_many_words_is_short():
    assert len(some_of(["x" * 100] * 1000)) < (SHOWN_WORDS + 1) * 102
