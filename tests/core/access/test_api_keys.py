"""The file of API keys: what it may hold, and what is said of any other."""

from datetime import UTC, datetime
from hashlib import sha256
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.api_keys import ApiKey, BadKeys, digest_of, entry_for, new_key, read_keys

DIGEST = sha256(b"secret").hexdigest()
KEY = f'[[keys]]\nid = "acme"\nsha256 = "{DIGEST}"\n'
BROKEN = {
    "no TOML": ("keys: []", "is not TOML"),
    "another table": ("[[key]]\nid = 'a'\n", "unknown key key: expected tables named [[keys]]"),
    "no list": ("keys = 1\n", "holds no list"),
    "no table": ("keys = [1]\n", "key 1 is not a table"),
    "no id": (f'[[keys]]\nsha256 = "{DIGEST}"\n', "key 1 needs an id"),
    "an id with a space": (KEY.replace("acme", "ac me"), "key 1 needs an id"),
    "a long id": (KEY.replace("acme", "a" * 129), "key 1 needs an id"),
    "no digest": ('[[keys]]\nid = "acme"\n', "key 1 needs its sha256"),
    "the key itself": (KEY.replace(DIGEST, "gwk_secret"), "key 1 needs its sha256"),
    "a misspelt key": (KEY + 'scopes = "a"\n', "key 1 has an unknown key scopes"),
    "a scope that is no text": (KEY + "scope = ['a']\n", "key 1 has a scope"),
    "a date in quotes": (KEY + 'expires = "2027-01-01"\n', "key 1 has an `expires`"),
    "the same key twice": (KEY + KEY.replace("acme", "other"), "names the same key twice: keys 1 and 2"),
}


def test_a_key_is_found_by_its_digest():
    assert read_keys(KEY) == {digest_of(b"secret"): ApiKey("acme")}


def test_a_digest_may_be_in_capitals():
    assert read_keys(KEY.replace(DIGEST, DIGEST.upper())) == read_keys(KEY)


def test_a_caller_may_have_two_keys():
    other = KEY.replace(DIGEST, sha256(b"next").hexdigest())

    assert [key.id for key in read_keys(KEY + other).values()] == ["acme", "acme"]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T12:00:00", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2027-01-01T12:00:00+02:00", datetime(2027, 1, 1, 10, tzinfo=UTC)),
        ("2027-01-01T12:00:00Z", datetime(2027, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_key_ends_at_an_instant(written, at):
    (key,) = read_keys(KEY + f"expires = {written}\n").values()

    assert key.expires_at_s == at.timestamp()


def test_a_key_without_an_end_has_none():
    assert [key.expires_at_s for key in read_keys(KEY).values()] == [inf]


def test_a_file_without_keys_knows_nobody():
    assert read_keys("") == {}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_said_and_no_value_shown(text, words):
    with pytest.raises(BadKeys) as raised:
        read_keys(text)

    assert words in str(raised.value)
    assert "gwk_" not in str(raised.value)
    assert DIGEST not in str(raised.value)


@given(st.text())
def test_any_text_is_keys_or_our_error(text):
    try:
        read_keys(text)
    except BadKeys as bad:
        assert str(bad)


def test_a_new_key_is_told_from_other_secrets_by_its_beginning():
    assert new_key(lambda count: "x" * count) == "gwk_" + "x" * 32


@pytest.mark.parametrize(
    ("scope", "expires"), [("", ""), ("crm.read crm.write", "2027-01-01"), ("", "2027-01-01T00:00:00+00:00")]
)
def test_what_is_made_for_a_key_can_be_read(scope, expires):
    keys = read_keys(entry_for("gwk_a", "acme", scope, expires))

    assert [key.id for key in keys.values()] == ["acme"]
    assert keys[digest_of(b"gwk_a")].scope == frozenset(scope.split())


@pytest.mark.parametrize(
    ("name", "scope", "expires"),
    [("", "", ""), ('a"b', "", ""), ("acme", 'a"', ""), ("acme", "", "tomorrow"), ("acme", "", "2027-13-01")],
)
def test_what_could_not_be_read_is_not_made(name, scope, expires):
    with pytest.raises(BadKeys):
        entry_for("gwk_a", name, scope, expires)
