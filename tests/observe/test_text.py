"""Other people's text, made fit for one line of a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.text import escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("/crm/users?", "/crm/users?"),
        ("Grüße", "Grüße"),
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp", r"\u202egnp"),
        ("\u2028", r"\u2028"),
        ("\udc80", r"\udc80"),
        ("\U000e0001", r"\U000e0001"),
        ("a b\tc", r"a b\tc"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert escaped(text) == shown


@given(st.text(st.characters() | st.sampled_from("\n\x1b\x85\u2028\u202e\udc80")))
def test_what_is_shown_is_printable_and_shown_as_it_is_again(text):
    assert escaped(text).isprintable()
    assert escaped(escaped(text)) == escaped(text)
