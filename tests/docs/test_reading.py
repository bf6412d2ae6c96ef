"""A reader finds every page in one click, and knows after its first sentence what it answers."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, ROOT, name, prose
from tests.docs.test_map import links, slug

README = ROOT / "README.md"
OTHERS = [page for page in PAGES if page != README]
LONG_WORDS = 1500
LONG = [page for page in OTHERS if len(prose(page).split()) > LONG_WORDS and page.name != "CHANGELOG.md"]


def opening(page):
    """The paragraph behind the title."""
    return prose(page).split("\n\n")[1]


def sections(page):
    return [slug(heading) for heading in re.findall(r"(?m)^## +(.*)$", prose(page))]


def test_every_page_is_one_click_away_from_the_readme():
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(README)}

    assert [name(page) for page in OTHERS if page not in linked] == []


@pytest.mark.parametrize("page", OTHERS, ids=name)
def test_every_page_opens_with_the_question_that_it_answers(page):
    assert re.fullmatch(r"(?s)[A-Z].*\?", opening(page))


@pytest.mark.parametrize("page", LONG, ids=name)
def test_a_long_page_lists_its_sections_first(page):
    head = prose(page).partition("\n## ")[0]

    assert [section for section in sections(page) if f"(#{section})" not in head] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_cites_what_does_not_ship(page):
    assert re.findall(r"(?i)\bdesign section\b|\bissue \d+|/work/", page.read_text()) == []
