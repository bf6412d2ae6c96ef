"""What a request presents: by its own scheme or field, and once."""

import pytest

from gateway.core.access.evidence import Slot, api_key, authorization, token, without_scheme
from gateway.core.errors import MalformedRequest
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.all_settings import Limits

KEYS = frozenset({b"x-api-key"})


def head(*fields):
    raw = [(b"Host", b"a"), *((name.encode(), value.encode()) for name, value in fields)]
    return HeadReader(Limits(), KEYS).read("GET", "/", (1, 1), raw)


@pytest.mark.parametrize("value", ["Bearer abc", "bearer abc", "BEARER  abc ", "DPoP abc"])
def test_a_token_is_presented_by_its_scheme(value):
    assert authorization(head(("Authorization", value)), Slot.BEARER) == b"abc"


@pytest.mark.parametrize("value", ["Basic abc", "Token abc", "abc", "", "Bearerabc"])
def test_another_scheme_presents_no_token(value):
    assert authorization(head(("Authorization", value)), Slot.BEARER) is None


def test_nothing_presents_nothing():
    assert authorization(head(), Slot.BEARER) is None
    assert api_key(head(), b"x-api-key") is None


def test_two_authorizations_are_refused_whatever_they_hold():
    with pytest.raises(MalformedRequest):
        authorization(head(("Authorization", "Bearer a"), ("authorization", "Bearer a")), Slot.BEARER)


def test_a_key_is_in_its_field():
    assert api_key(head(("x-api-KEY", "gwk_a")), b"x-api-key") == b"gwk_a"


@pytest.mark.parametrize("name", ["X_API_Key", "X.API.Key", "X-API_Key", "x!api!key"])
def test_a_name_that_only_folds_to_it_is_no_key_and_does_not_pass(name):
    read = head((name, "gwk_a"))

    assert api_key(read, b"x-api-key") is None
    assert read.lines == []


def test_two_keys_are_refused():
    with pytest.raises(MalformedRequest):
        api_key(head(("X-API-Key", "a"), ("X-API-Key", "a")), b"x-api-key")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Bearer abc", (b"abc", False)),
        ("bearer  abc ", (b"abc", False)),
        ("DPoP abc", (b"abc", True)),
        ("dpop abc", (b"abc", True)),
        ("Bearer DPoP abc", (b"DPoP abc", False)),
    ],
)
def test_a_token_tells_its_scheme(value, found):
    assert without_scheme(token(head(("Authorization", value)))) == found


@pytest.mark.parametrize("value", ["Basic abc", "abc", "", "DPoPabc"])
def test_other_schemes_have_no_token(value):
    assert token(head(("Authorization", value))) is None


def test_two_tokens_are_refused():
    with pytest.raises(MalformedRequest):
        token(head(("Authorization", "DPoP a"), ("authorization", "Bearer a")))
