"""A word that is misspelt is told from one that is another."""

from __future__ import annotations

import pytest

from gateway.config.problems import any_of
from gateway.config.spelling import close_to

KNOWN = ("client_id", "client_secret", "scope")


@pytest.mark.parametrize(
    ("word", "meant"), [("client_secert", "client_secret"), ("scopes", "scope"), ("x", None), ("", None)]
)
def test_the_known_word_that_is_near_is_found(word, meant):
    assert close_to(word, KNOWN) == meant


@pytest.mark.parametrize(
    ("words", "written"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_alternatives_are_written_with_or_before_the_last(words, written):
    assert any_of(words) == written
