"""Which grants count as one account at a server: they take turns while it may be refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.settings.client_settings import ClientName, Grant
from gateway.core.settings.shape_settings import RequestShape
from gateway.oauth.grant_maker import GrantMaker
from tests.oauth.fakes import ScriptedEndpoint, client_settings

USER = {"grant_type": "password", "parameters": (("username", "a"), ("password", "b"))}


def registration(**members: Any) -> object:
    client = client_settings()
    return GrantMaker(
        ScriptedEndpoint(), replace(client, grant=replace(client.grant, **members))
    ).registration


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"client": ClientName("erp")}),
        ({}, {"scope": ("x",)}),
        ({}, {"parameters": (("tenant", "x"),)}),
        (USER, USER | {"client": ClientName("erp"), "scope": ("x",)}),
    ],
)
def test_what_is_no_part_of_the_account_makes_no_difference(one: dict[str, Any], other: dict[str, Any]):
    assert registration(**one) == registration(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"client_id": "x"}),
        ({}, {"token_endpoint": "http://a/other"}),
        ({}, USER),
        (USER, USER | {"parameters": (("username", "c"), ("password", "b"))}),
        (USER, USER | {"headers": (("X-Key", "k"),)}),
        (USER, USER | {"request": RequestShape(query=(("key", "k"),))}),
    ],
)
def test_another_account_is_another_registration(one: dict[str, Any], other: dict[str, Any]):
    """The credentials of a user are among the parameters: one wrong password must hold up no other user."""
    assert registration(**one) != registration(**other)


def test_nothing_of_a_user_is_in_the_repr():
    client = client_settings()
    grant: Grant = replace(client.grant, **USER)  # type: ignore[arg-type]
    assert "password" not in repr(GrantMaker(ScriptedEndpoint(), replace(client, grant=grant))).lower()
