"""The settings of a whole document: defaults, and no secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import (
    load,
)
from gateway.core.settings.all_settings import Limits, LogSettings
from gateway.core.settings.client_settings import AuthMethod, ClientName
from gateway.core.settings.listener_settings import Address
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules, Timeouts
from tests.config.documents import CLIENT, ROUTE, SECRET, load_text


def test_the_example_of_the_repository_loads():
    settings = load(
        Path(__file__).parents[3] / "gateway.yaml", {"DEMO_SECRET": "hunter2", "PARTNER_SECRET": "hunter3"}
    )
    assert settings.warnings == ()
    assert [route.name for route in settings.routes] == ["/crm", "/orders", "/"]
    assert [client.credentials[0]().reveal() for client in settings.clients.values()] == [
        "hunter2",
        "hunter3",
    ]
    crm = settings.routes[0]
    assert crm.upstream.authority == "127.0.0.1:9500"
    assert (crm.base_path, crm.strips_prefix) == ("/occ/v2", True)
    assert crm.grant is not None
    assert crm.grant.scope == ("users.read",)
    assert settings.clients[ClientName("partner")].grant.method is AuthMethod.CLIENT_SECRET_POST


def test_what_is_left_out_has_the_defaults_of_the_settings():
    settings = load_text("routes: [{path: /, upstream: 'http://127.0.0.1:9500'}]")
    assert [listener.address for listener in settings.listeners] == [Address("127.0.0.1", 8080)]
    assert settings.admin == Address("127.0.0.1", 8079)
    assert (settings.limits, settings.log, settings.grace_s) == (Limits(), LogSettings(), 30.0)
    route = settings.routes[0]
    assert (route.timeouts, route.request_headers, route.grant) == (Timeouts(), HeaderRules(), None)
    assert route.recover_on == {401}
    assert route.authorization is CallerAuthorization.REPLACE


def _secret_in(place: str) -> str:
    return {
        "client_secret": f"clients: {{crm: {CLIENT}}}\n" + ROUTE,
        "parameters": f"clients: {{crm: {CLIENT[:-1]}, parameters: {{p: '${{env:SECRET}}'}}}}}}\n" + ROUTE,
        "proxy": f"clients: {{crm: {CLIENT[:-1]}, proxy: 'http://u:${{env:SECRET}}@p:1'}}}}\n" + ROUTE,
        "headers": "routes: [{path: /, upstream: 'http://a', headers: {request: {set: {X: '${env:SECRET}'}}}}]",
        "response": "routes: [{path: /, upstream: 'http://a', headers: {response: {add: {X: '${env:SECRET}'}}}}]",
    }[place]


@pytest.mark.parametrize("place", ["client_secret", "parameters", "proxy", "headers", "response"])
def test_the_settings_show_no_secret(place):
    settings = load_text(_secret_in(place))
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
