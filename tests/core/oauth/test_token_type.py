"""Which types of tokens can be used, by what was asked for and what the owner allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.token_type import flaw_of_type, is_bound_by_type, type_named
from gateway.core.settings.signing_settings import DpopSettings

BOUND, LENIENT = DpopSettings(), DpopSettings(allows_bearer=True)
NOT_BEARER = "issued a token of another type than Bearer"
NOT_DPOP = "issued a token of another type than DPoP"
UNBOUND = "issued a Bearer token, although one bound to our key was requested"


@pytest.mark.parametrize(
    ("stated", "dpop", "flaw", "flaw_where_any_is_taken"),
    [
        ("Bearer", None, None, None),
        (" bearer\t", None, None, None),
        (None, None, None, None),
        ("", None, None, None),
        ("BearerToken", None, NOT_BEARER, None),
        (7, None, NOT_BEARER, None),
        ("mac", None, NOT_BEARER, NOT_BEARER),
        ("DPoP", None, NOT_BEARER, NOT_BEARER),
        ("DPoP", BOUND, None, None),
        (None, BOUND, None, None),
        ("Bearer", BOUND, UNBOUND, UNBOUND),
        ("BearerToken", BOUND, NOT_DPOP, NOT_DPOP),
        ("Bearer", LENIENT, None, None),
        ("BearerToken", LENIENT, NOT_DPOP, None),
        ("mac", LENIENT, NOT_DPOP, NOT_DPOP),
    ],
)
def test_each_type_is_used_or_has_its_flaw(stated, dpop, flaw, flaw_where_any_is_taken):
    assert flaw_of_type(stated, dpop, takes_any=False) == flaw
    assert flaw_of_type(stated, dpop, takes_any=True) == flaw_where_any_is_taken


@pytest.mark.parametrize(
    ("stated", "dpop", "is_bound"),
    [
        ("Bearer", None, False),
        (None, None, False),
        ("DPoP", BOUND, True),
        (None, BOUND, True),
        ("", BOUND, True),
        ("Bearer", LENIENT, False),
    ],
)
def test_a_token_is_bound_by_its_type_or_by_what_was_asked_for(stated, dpop, is_bound):
    assert is_bound_by_type(stated, dpop) == is_bound


@given(
    st.none() | st.text(max_size=12) | st.integers() | st.lists(st.text(), max_size=2),
    st.sampled_from([None, BOUND, LENIENT]),
    st.booleans(),
)
def test_no_answer_talks_us_into_sending_a_bound_token_bare(stated, dpop, takes_any):
    if flaw_of_type(stated, dpop, takes_any=takes_any) is None and type_named(stated) in {"dpop", "mac"}:
        assert dpop is not None
        assert is_bound_by_type(stated, dpop)
