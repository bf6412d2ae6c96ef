"""What is odd about a secret, without a character of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.text.secret_shape import oddities


@pytest.mark.parametrize(
    ("secret", "odd"),
    [
        ("hunter2", []),
        ("hun ter2", []),
        ("hunter2\t", ["ends with white space (8 characters in all)"]),
        (
            " hunter2 ",
            ["begins with white space (9 characters in all)", "ends with white space (9 characters in all)"],
        ),
        ("'hunter2'", ["is in quotes, which count as part of it (9 characters in all)"]),
        ("'hunter2", []),
        ("'", []),
        ("$HUNTER_2", ["looks like a reference that was never replaced (9 characters in all)"]),
        ("$hunter2", []),
        ("a$HUNTER2", []),
    ],
)
def test_what_is_odd_is_told_with_the_length(secret: str, odd: list[str]):
    assert list(oddities(secret)) == odd


@given(st.text(alphabet="\u0436\u0437 $'\"{}%", max_size=12))
def test_no_character_of_it_is_told(secret: str):
    """Letters of another script: our own words hold none."""
    told = "".join(oddities(secret))
    assert not set(told) & set("\u0436\u0437$'\"{}%")
