"""Every access recipe is loaded, knows callers in each way that it defines, and says that nobody tried it."""

from __future__ import annotations

import re

import pytest

from gateway.core.settings.access_settings import JwtWay
from tests.docs.pages import ROOT, Block, blocks
from tests.docs.test_client_authentication import loaded
from tests.docs.test_map import slug

PAGE = ROOT / "docs" / "access-recipes.md"
EXAMPLES = list(blocks(PAGE, "yaml"))
RECIPES = re.split(r"(?m)^## ", PAGE.read_text())[1:]


def title(recipe: str) -> str:
    return recipe.partition("\n")[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_way_of_a_recipe_lets_callers_in(example: Block, tmp_path):
    settings = loaded(example.text, tmp_path)
    named = {name for route in settings.routes if route.gate.rule for name in route.gate.rule.ways}

    assert named == set(settings.callers)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_audience_is_one_that_only_this_gateway_has(example: Block, tmp_path):
    ways = [each.way for each in loaded(example.text, tmp_path).callers.values()]

    assert all(way.audience and way.takes_any_type for way in ways if isinstance(way, JwtWay))


@pytest.mark.parametrize("recipe", RECIPES, ids=title)
def test_every_recipe_says_where_it_comes_from(recipe):
    assert re.search(r"Tried here: no; from the (vendor's )?documentation \(20\d\d-\d\d-\d\d\): ", recipe)


def test_the_table_leads_to_every_recipe():
    table = re.findall(r"(?m)^\| \[[^\]]+\]\(#([\w-]+)\)", PAGE.read_text())

    assert table == [slug(title(recipe)) for recipe in RECIPES]
