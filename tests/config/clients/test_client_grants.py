"""Which keys decide what token comes back: two clients or routes that differ in one of them never share one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.clients.client_model import ClientModel
from gateway.config.routes.route_model import RouteModel
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName, Grant
from gateway.oauth.store import needed_clients
from tests.config.documents import load_text

BASIC = {"token_endpoint": "https://a.test/t", "client_id": "me", "client_secret": "s"}
SIGNING = {
    "token_endpoint": "https://a.test/t",
    "client_id": "me",
    "private_key": "k",
    "token_endpoint_auth_method": "private_key_jwt",
}
BEARER = {
    "token_endpoint": "https://a.test/t",
    "client_id": "me",
    "private_key": "k",
    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
VOUCHED = {"token_endpoint": "https://a.test/t", "client_id": "me", "client_assertion": "x"}
TLS = BASIC | {"tls": {"certificate": "/x/c.pem", "key": "/x/k.pem"}}

LOGIN = {"steps": [{"url": "https://login.example.com/login", "take": {"token": "/token"}}]}
DECIDING = {
    "token_endpoint": (BASIC, "https://a.test/t", "https://a.test/t/"),
    "issuer": (BASIC, "https://a.test", "https://a.test/"),
    "client_id": (BASIC, "me", "Me"),
    "token_endpoint_auth_method": (BASIC, "client_secret_basic", "client_secret_post"),
    "legacy_unencoded": (BASIC, False, True),
    "scope": (BASIC, "a b", "b a"),
    "audience": (BASIC, "a", "b"),
    "resource": (BASIC, "https://r.test/a", "https://r.test/b"),
    "parameters": (BASIC, {"a": "b"}, {"a": "c"}),
    "headers": (BASIC, {"X-A": "b"}, {"X-A": "c"}),
    "token_endpoint_auth_signing_alg": (SIGNING, "ES256", "ES384"),
    "kid": (SIGNING, "1", "2"),
    "assertion_audience": (SIGNING, "token_endpoint", "other"),
    "assertion_lifetime": (SIGNING, "30s", "31s"),
    "assertion_certificate": (SIGNING, "/x/c.pem", "/x/d.pem"),
    "assertion_certificate_headers": (SIGNING | {"assertion_certificate": "/x/c.pem"}, "x5t", "x5c"),
    "assertion_subject": (BEARER, "a", "b"),
    "assertion_claims": (BEARER, {"a": "b"}, {"a": "c"}),
    "client_assertion_type": (VOUCHED, "urn:x:y", "urn:x:z"),
    "grant_type": (BEARER | {"token_endpoint_auth_method": "none"}, BEARER["grant_type"], None),
    "tls": (
        TLS,
        {"certificate": "/x/c.pem", "key": "/x/k.pem"},
        {"certificate": "/x/d.pem", "key": "/x/k.pem"},
    ),
    "tls_client_certificate_bound_access_tokens": (TLS, None, None),
    "token_type": (BASIC, "bearer", None),
    "dpop_bound_access_tokens": (BASIC, False, True),
    "dpop_signing_alg": (BASIC | {"dpop_bound_access_tokens": True}, "ES256", "ES384"),
    "request": (BASIC, {"method": "POST"}, {"method": "GET"}),
    "answer": (BASIC, {"token": "/a"}, {"token": "/b"}),
    "login": ({}, LOGIN, LOGIN | {"lifetime": "1m"}),
    "dpop_allow_bearer": (BASIC | {"dpop_bound_access_tokens": True}, False, True),
}
"""For each key what stands beside it, and two values."""

NOT_DECIDING = {
    "client_secret",  # it proves who asks, and is replaced without another token
    "private_key",
    "client_assertion",
    "dpop_private_key",
    "send",  # where it goes, not what it is
    "default_lifetime",
    "timeout",
    "timeouts",
    "proxy",
    "allow_insecure",
    "required",  # what waits for a token, not which one comes
    "revoke",
    "revocation_endpoint",
}


def written(value: object) -> str:
    """As YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


def loaded(clients: dict[str, dict[str, object]], *routes: dict[str, object]) -> Settings:
    rows = [{"path": f"/{n}", "upstream": "http://127.0.0.1:1"} | route for n, route in enumerate(routes)]
    return load_text(f"clients: {written(clients)}\nroutes: [{', '.join(map(written, rows))}]\n")


def grant_of(client: dict[str, object]) -> Grant:
    kept = {key: value for key, value in client.items() if value is not None}
    return loaded({"crm": kept}, {"client": "crm"}).clients[ClientName("crm")].grant


def test_what_a_token_is_taken_for_decides():
    """Two routes of the same client never differ in it, but two clients may."""
    assert grant_of(BASIC | {"token_type": "bearer"}) == replace(grant_of(BASIC), takes_any_type=True)


def test_every_key_of_a_client_decides_or_is_named_as_one_that_does_not():
    keys = {field.alias or name for name, field in ClientModel.model_fields.items()}
    assert keys == DECIDING.keys() | NOT_DECIDING
    assert not DECIDING.keys() & NOT_DECIDING


@pytest.mark.parametrize(
    "key",
    sorted(DECIDING.keys() - {"token_type", "tls_client_certificate_bound_access_tokens", "grant_type"}),
)
def test_two_clients_that_differ_in_one_key_have_different_grants(key: str):
    beside, one, other = DECIDING[key]
    assert grant_of(beside | {key: one}) == grant_of(beside | {key: one})
    assert grant_of(beside | {key: one}) != grant_of(beside | {key: other})


def test_so_have_two_that_ask_by_another_grant_type():
    signing = {**SIGNING, "token_endpoint_auth_method": "private_key_jwt"}
    assert replace(grant_of(signing), method=grant_of(BEARER).method) != grant_of(BEARER)


def test_two_clients_share_no_token_though_all_they_have_is_equal():
    settings = loaded({"a": BASIC, "b": BASIC}, {"client": "a"}, {"client": "b"})
    assert len(needed_clients(settings)) == 2


# ── routes of one client ──────────────────────────────────────────────────────────────────────────

OF_ROUTES = {
    "scope": st.sampled_from(["a", "a b", "b a"]),
    "audience": st.sampled_from(["x", "y"]),
    "resource": st.sampled_from(["https://r.test/a", "https://r.test/b"]),
    "parameters": st.sampled_from([{"p": "1"}, {"p": "2"}, {"q": "1"}, {"p": "0"}]),
}
ROUTES = st.fixed_dictionaries({}, optional=OF_ROUTES)
CLIENT = BASIC | {"scope": "a b", "audience": "x", "resource": "https://r.test/a", "parameters": {"p": "0"}}


def effective(route: dict[str, object]) -> tuple[object, ...]:
    """What a route asks for, by the documentation: three keys replace the client's, parameters lie over them."""
    whole = {key: route.get(key, CLIENT[key]) for key in ("scope", "audience", "resource")}
    return (*whole.values(), tuple((CLIENT["parameters"] | route.get("parameters", {})).items()))


def test_every_key_of_a_route_that_changes_the_grant_is_drawn():
    assert OF_ROUTES.keys() == RouteModel.model_fields.keys() & ClientModel.model_fields.keys() - {
        "tls",
        "headers",
        "send",
        "timeouts",
        "allow_insecure",
        "proxy",
    }


@given(ROUTES, ROUTES)
def test_two_routes_share_a_token_if_and_only_if_they_ask_for_the_same(one, other):
    settings = loaded({"crm": CLIENT}, {"client": "crm"} | one, {"client": "crm"} | other)
    assert len(needed_clients(settings)) == len({effective(one), effective(other)})
