"""The slips of people who write YAML by hand: each is told at the line that is wrong.

Beside each `slips/NAME.yaml` stand the problems that it has. All but some come of one good text.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, load
from gateway.config.problems import BadText
from gateway.config.yaml.parse import parse
from tests.config.documents import ENVIRON

SLIPS = Path(__file__).parent / "slips"
FILES = sorted(SLIPS.glob("*.yaml"))
GOOD = """\
listen: 127.0.0.1:8080
clients:
  crm:
    token_endpoint: https://login.example.com/oauth/token
    client_id: mobile_android
    client_secret: ${env:SECRET}
routes:
  - path: /crm
    upstream: https://api.example.com
    client: crm
"""
# Told where the text goes on, or where the name stands without anything, which may be what is wrong.
BESIDE = {
    "keys_beside_their_name": -1,
    "text_below_bar_too_near": 1,
    "text_goes_on": 1,
    "value_in_the_next_line": 1,
}
# The first line that differs is good.
BESIDE |= {"dash_swallowed_by_text": 1, "colon_in_a_list": 2, "ipv6_in_a_list": 1, "text_behind_braces": 1}


def problems_of(path):
    with pytest.raises(ConfigError) as caught:
        load(path, {**ENVIRON, "URL": "https://api.example.com"})
    return caught.value.problems


def test_the_good_text_is_good(tmp_path):
    (tmp_path / "gateway.yaml").write_text(GOOD)
    assert load(tmp_path / "gateway.yaml", ENVIRON).warnings == ()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_slip_is_told_in_these_words(path):
    shown = "\n".join(map(str, problems_of(path))).replace(f"{SLIPS}/", "")
    assert shown == path.with_suffix(".txt").read_text().rstrip("\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_slip_is_told_at_the_line_that_is_wrong(path):
    pairs = zip(path.read_text().splitlines(), [*GOOD.splitlines(), *[""] * 9], strict=False)
    wrong = next(number for number, (line, good) in enumerate(pairs, 1) if line != good)
    assert problems_of(path)[0].line == wrong + BESIDE.get(path.stem, 0)


CRUMBS = [
    "- ",
    "-",
    ": ",
    ":",
    "\n",
    "  ",
    "\t",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    "#",
    "|",
    "${",
    "\u00a0",
    "\r",
    "\x85",
    "=",
    "&",
    "*",
]


@given(st.data())
def test_no_slip_ends_in_anything_but_a_place_and_a_reason(data):
    """And the place is inside of the text, or just behind it."""
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = text[:at] + data.draw(st.sampled_from([*CRUMBS, ""])) + text[at + cut :]
    try:
        parse(text)
    except BadText as bad:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n").split("\n")
        assert 1 <= bad.place.line <= len(lines) + 1
        assert bad.place.column >= 1
        assert "mobile_android" not in bad.message
