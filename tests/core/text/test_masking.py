"""Foreign text that may be shown: nothing that was secret survives in it."""

import json
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.core.secret import MASK, Secret
from gateway.core.text.masking import MASKED_FROM_CHARS, SHOWN_CHARS, SHOWN_CLAIMS, Mask, shown_url

SECRET = "p@ss w+rd%é"


def mask(*hidden: str) -> Mask:
    return Mask(map(Secret, hidden))


@pytest.mark.parametrize("spelling", [SECRET, quote_plus(SECRET), quote(SECRET, safe="")])
def test_a_secret_is_masked_as_it_is_and_in_both_forms_of_a_form(spelling: str):
    """Ours has ``%20`` for a space; most frameworks write a plus."""
    assert mask(SECRET).text(f"not {spelling}!") == f"not {MASK}!"


@pytest.mark.parametrize("spelling", [quote(SECRET, safe="").lower(), quote_plus(SECRET).lower()])
def test_the_case_of_its_escapes_does_not_count(spelling: str):
    assert "ss" not in mask(SECRET).text(spelling).replace(MASK, "")


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET.encode().decode("latin-1"),
        SECRET.encode("latin-1").decode("utf-8", "surrogateescape"),
    ],
)
def test_a_secret_that_was_read_in_the_wrong_code_is_masked(spelling: str):
    assert spelling != SECRET
    assert mask(SECRET).text(f"not {spelling}!") == f"not {MASK}!"


@pytest.mark.parametrize("secret", ["漢字", "é", "\udcff"])
def test_a_secret_of_other_letters_masks_no_punctuation(secret: str):
    assert mask(secret).text("what? no - ok") == "what? no - ok"


def test_each_secret_is_masked_wherever_it_stands():
    assert mask("first", "second").text("first second firstsecond") == f"{MASK} {MASK} {MASK}{MASK}"


def test_of_a_secret_that_begins_like_another_nothing_is_left():
    for hidden in (("hunter", "hunter2-more"), ("hunter2-more", "hunter")):
        assert mask(*hidden).text("hunter2-more") == MASK


def test_a_secret_is_masked_before_the_text_is_cut():
    shown = mask("hunter2").text("x" * (SHOWN_CHARS - 3) + "hunter2")
    assert shown == "x" * (SHOWN_CHARS - 3) + MASK[:3]


def test_a_secret_with_lines_is_masked_though_lines_are_not_shown():
    assert mask("one\ntwo\n").text("a one\ntwo\n z") == f"a {MASK} z"


def test_what_cleaning_makes_of_a_text_is_masked_too():
    assert mask("ab cd").text("ab\x1bcd") == MASK


@pytest.mark.parametrize("secret", ["a", "ab", "abc", " ", "é", "e", "o k"])
def test_a_short_secret_is_masked_nowhere(secret: str):
    """It would mask half of every word, and show by that what it is."""
    assert mask(secret, "hunter2").text("a cab is ok, é: hunter2") == f"a cab is ok, é: {MASK}"


def test_from_four_characters_on_it_is_masked():
    assert mask("abc", "abcd").text("abc abcd") == f"abc {MASK}"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain", "plain"),
        ("a\r\nb", "a  b"),
        ("\x1b[2J", " [2J"),
        ("a\x00\x7f\x85\u2028b", "a    b"),
        ("\u202egpj", " gpj"),
        ("\udcff", " "),
        ("é漢", "é漢"),
        ("x" * 300, "x" * SHOWN_CHARS),
        ("", ""),
    ],
)
def test_foreign_text_is_cut_and_cleaned(foreign: str, shown: str):
    assert mask().text(foreign) == shown


def test_an_empty_secret_masks_nothing():
    assert mask("").text("abc") == "abc"


HIDDEN = st.lists(
    st.text(min_size=MASKED_FROM_CHARS, max_size=8).filter(lambda text: not set(text) & {"•", "…"}),
    max_size=4,
)
PIECES = st.lists(st.text(max_size=5), max_size=5)


def spelt(text: str) -> list[str]:
    return [text, quote_plus(text, errors="replace"), quote(text, safe="", errors="replace")]


@given(HIDDEN, PIECES, st.randoms())
@example(["abcd", "abcde"], ["abcde"], Random(0))
@example(["    ", "0000"], ["\n"], Random(0))
def test_no_hidden_text_survives(hidden: list[str], pieces: list[str], order):
    """Whatever stands around it, and however it is spelt."""
    foreign = pieces + [spelling for text in hidden for spelling in spelt(text)]
    order.shuffle(foreign)
    shown = mask(*hidden).text("".join(foreign))
    assert shown.isprintable()
    assert len(shown) <= SHOWN_CHARS
    assert all(spelling not in shown for text in hidden for spelling in spelt(text))


# ── claims ────────────────────────────────────────────────────────────────────────────────────────


def test_claims_are_shown_numbers_as_they_are():
    claims = {"sub": "me", "exp": 1_700_000_000, "x": 0.5, "admin": True, "nothing": None}
    assert mask("hunter2").claims(claims) == claims


def test_claims_with_members_are_shown_as_json():
    shown = mask().claims({"realm": {"roles": ["a", "é"]}, "aud": ["x", 1]})
    assert shown == {"realm": '{"roles": ["a", "é"]}', "aud": '["x", 1]'}


@pytest.mark.parametrize(
    "value",
    [
        'pass"wörd\\',
        ['pass"wörd\\'],
        {"a": {"b": ['x pass"wörd\\ y']}},
        {'pass"wörd\\': 1},
    ],
)
def test_a_secret_within_claims_is_masked_however_deep_it_stands(value: object):
    shown = mask('pass"wörd\\').claims({"x": value})
    assert "wörd" not in str(shown)
    assert "w\\u00f6rd" not in str(shown)


def test_a_secret_that_is_a_number_is_masked():
    assert mask("12345678").claims({"pin": 12345678, "n": 5}) == {"pin": MASK, "n": 5}
    assert mask("12345678").claims({"pins": [12345678]}) == {"pins": f'["{MASK}"]'}


def test_a_name_of_a_claim_is_foreign_text_too():
    assert mask("hunter2").claims({"hunter2\n": 1}) == {f"{MASK} ": 1}


def test_so_many_claims_are_shown_and_no_more():
    assert len(mask().claims({str(n): n for n in range(100)})) == SHOWN_CLAIMS


def test_claims_nested_beyond_reason_are_not_shown():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert mask().claims({"deep": deep}) == {"deep": "…"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text("abcdefghé\"'\\é", min_size=6, max_size=8))
def test_no_hidden_text_survives_in_claims(claims: dict[str, object], hidden: str):
    assume(hidden not in str(claims))
    planted = claims | {"x": hidden, "y": [hidden, {hidden: hidden}], hidden: 1}
    shown = mask(hidden).claims(planted)
    assert all(hidden not in name and hidden not in str(value) for name, value in shown.items())
    assert json.dumps(hidden) not in json.dumps(shown)


# ── URLs ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.test/token", "https://a.test/token"),
        ("https://a.test:8443/token?", "https://a.test:8443/token"),
        ("https://a.test/token?key=hunter2", f"https://a.test/token?{MASK}"),
        ("https://user:hunter2@a.test/", "https://a.test/"),
        ("https://a@hunter2@a.test/", "https://a.test/"),
        ("https://[::1]:1/x#hunter2", "https://[::1]:1/x"),
        ("https://[hunter2", MASK),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret_in_it(url: str, shown: str):
    assert shown_url(url) == shown


@given(st.text())
def test_every_text_can_be_shown_as_a_url(url: str):
    assert isinstance(shown_url(url), str)


def test_a_mask_shows_nothing_of_what_it_hides():
    assert "hunter2" not in repr(mask("hunter2"))
