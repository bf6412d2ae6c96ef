"""Every recipe is loaded, its keys are put to use, and says whether anybody tried it."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.test_client_authentication import faults, loaded
from tests.docs.test_map import slug

PAGE = ROOT / "docs" / "recipes.md"
RECIPES = re.split(r"(?m)^## ", PAGE.read_text())[1:]
TRIED = ("oidc-provider", "Authlib")
HONEST = r"Tried here: (yes, version [\d.]+|no; from the vendor's documentation \(20\d\d-\d\d-\d\d\))"


def title(recipe: str) -> str:
    return recipe.partition("\n")[0]


@pytest.mark.parametrize("example", list(blocks(PAGE, "yaml")), ids=str)
def test_every_recipe_can_be_put_to_use(example: Block, tmp_path):
    assert faults(example.text, tmp_path) == ()


@pytest.mark.parametrize("example", list(blocks(PAGE, "yaml")), ids=str)
def test_every_client_of_a_recipe_has_a_route(example: Block, tmp_path):
    settings = loaded(example.text, tmp_path)

    assert set(settings.clients) == {route.grant.client for route in settings.routes if route.grant}


@pytest.mark.parametrize("recipe", RECIPES, ids=title)
def test_every_recipe_says_whether_it_was_tried(recipe):
    found = re.search(HONEST, recipe)

    assert found is not None
    assert found[1].startswith("yes") == (title(recipe) in TRIED)
    assert "```yaml" in recipe


def test_the_table_leads_to_every_recipe_that_was_not_tried():
    table = re.findall(r"(?m)^\| \[[^\]]+\]\(#([\w-]+)\)", PAGE.read_text())

    assert table == [slug(title(recipe)) for recipe in RECIPES if title(recipe) not in TRIED]
