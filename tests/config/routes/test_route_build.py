"""What a route says reaches its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.settings.carriers import USUAL, InCookie, InHeader, InQuery
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.instances import InstancePattern, InstanceSettings
from gateway.core.settings.route_settings import HeaderRules, Timeouts
from gateway.core.settings.upstream_settings import Scheme
from tests.config.documents import CRM, load_text

INJECTING = "routes: [{path: /, upstream: 'https://a', client: crm}]"


def test_recovering_on_nothing_switches_recovery_off():
    settings = load_text(CRM + INJECTING.replace("crm}", "crm, recover_on: []}"))
    assert settings.routes[0].recover_on == frozenset()


@pytest.mark.parametrize(
    ("route", "refuses"),
    [
        ("client: crm", True),
        ("client: crm, allow_foreign_pages: true", False),
        ("client: crm, access: anyone", True),
        ("client: crm, host: gateway", True),
        ("timeout: 1s", False),
    ],
)
def test_a_route_with_a_client_refuses_foreign_pages_unless_it_says_so(route, refuses):
    settings = load_text(f"{CRM}routes: [{{path: /, upstream: 'https://a', {route}}}]")
    assert settings.routes[0].refuses_foreign_pages is refuses


@pytest.mark.parametrize(
    ("at_client", "at_route", "send", "policy"),
    [
        ("", "", USUAL, "replace"),
        ("{header: authorization}", "", USUAL, "replace"),
        ('{header: Authorization, prefix: "Bearer "}', "", USUAL, "replace"),
        ('{header: Authorization, prefix: ""}', "", (InHeader("Authorization", ""),), "replace"),
        (
            '{header: Authorization, prefix: "OAuth "}',
            "",
            (InHeader("Authorization", "OAuth "),),
            "replace",
        ),
        ("{header: Authorization, part: a}", "", (InHeader("Authorization", "Bearer ", "a"),), "replace"),
        ("{header: X-Auth-Token}", "", (InHeader("X-Auth-Token"),), "keep"),
        ("{query: k}", "authorization: reject", (InQuery("k"),), "reject"),
        ("{query: k}", "send: {header: Authorization}", USUAL, "replace"),
        (
            "{query: k}",
            "send: [{cookie: S}, {header: X, prefix: a, part: b}]",
            (InCookie("S"), InHeader("X", "a", "b")),
            "keep",
        ),
    ],
)
def test_where_the_credential_goes(at_client, at_route, send, policy):
    sending = CRM.replace("}}\n", f", send: {at_client}}}}}\n") if at_client else CRM
    sending = sending.replace("}}\n", ", answer: {take: {a: /a, b: /b}}}}\n")
    route = load_text(sending + INJECTING.replace("crm}", f"crm, {at_route}}}")).routes[0]
    assert (route.send, route.authorization.value) == (send, policy)


@pytest.mark.parametrize(
    ("upstream", "is_host", "base_path"),
    [
        ("{token.at}", False, ""),
        ("{token.at}/services/v1/", False, "/services/v1"),
        ("https://{token.at}/services", True, "/services"),
    ],
)
def test_an_upstream_that_the_credential_names(upstream, is_host, base_path):
    client = CRM.replace("}}\n", ", answer: {take: {at: /instance_url}}}}\n")
    allowed = 'instances: ["https://*.A.test", "https://b.test:8443/"]'
    route = load_text(
        f"{client}routes: [{{path: /, upstream: '{upstream}', client: crm, {allowed}, tls: {{ca: ca.pem}}}}]"
    ).routes[0]
    patterns = (InstancePattern("*.a.test"), InstancePattern("b.test", 8443))
    assert route.instances == InstanceSettings("at", patterns, is_host)
    assert (route.base_path, route.upstream.scheme) == (base_path, Scheme.HTTPS)
    assert route.upstream.ca_file is not None


def test_every_key_of_a_route_reaches_its_settings():
    settings = load_text(
        CRM
        + """
routes:
  - path: /crm/
    host: CRM.example.com.
    methods: [GET, POST]
    upstream: https://[2001:DB8::1]:8443/base/
    strip_prefix: true
    preserve_host: true
    client: crm
    scope: a b a
    access: anyone
    authorization: keep
    recover_on: [401, 403]
    timeout: 30s
    timeouts: {connect: 500ms, idle: 1m}
    max_body: 1KiB
    headers: {request: {set: {X-A: "1"}, add: {X-B: "2"}, remove: [X-C]}, response: {remove: [Server]}}
    tls: {ca: ca.pem, certificate: me.pem, key: /keys/me.key}
"""
    )
    route = settings.routes[0]
    assert (route.name, route.path, route.host) == ("crm.example.com/crm", "/crm", "crm.example.com")
    assert route.methods == {"GET", "POST"}
    upstream = route.upstream
    assert (upstream.scheme, upstream.authority) == (Scheme.HTTPS, "[2001:db8::1]:8443")
    assert route.base_path == "/base"
    assert upstream.ca_file is not None
    assert Path(upstream.ca_file).name == "ca.pem"
    assert Path(upstream.ca_file).is_absolute()
    assert upstream.certificate is not None
    assert upstream.certificate.key == "/keys/me.key"
    assert (route.strips_prefix, route.preserves_host) == (True, True)
    assert route.grant is not None
    assert route.grant.scope == ("a", "b")
    assert route.recover_on == {401, 403}
    assert route.timeouts == Timeouts(total_s=30.0, connect_s=0.5, response_s=60.0, idle_s=60.0)
    assert route.max_body_bytes == 1024
    assert route.request_headers == HeaderRules(set=(("X-A", "1"),), add=(("X-B", "2"),), remove=("X-C",))
    assert route.response_headers == HeaderRules(remove=("Server",))


def test_a_route_replaces_audience_and_resource_and_lays_its_parameters_over():
    client = "{issuer: 'https://a', client_id: me, client_secret: s, audience: a, resource: 'urn:a', parameters: {x: a, 'y': a}}"
    route = "{path: /, upstream: 'https://a', client: crm, audience: [b, c], resource: 'urn:b', parameters: {'y': b, z: b}}"
    settings = load_text(f"clients: {{crm: {client}}}\nroutes: [{route}]")
    grant = settings.routes[0].grant
    assert (grant.audience, grant.resource) == (("b", "c"), ("urn:b",))
    assert grant.parameters == (("x", "a"), ("y", "b"), ("z", "b"))


def test_a_route_lays_its_token_headers_over_those_of_its_client_by_name_without_case():
    client = "{issuer: 'https://a', client_id: me, client_secret: s, headers: {X-A: client, X-B: client}}"
    route = "{path: /, upstream: 'https://a', client: crm, token_headers: {x-a: route, X-C: route}}"
    settings = load_text(f"clients: {{crm: {client}}}\nroutes: [{route}]")
    assert settings.routes[0].grant.headers == (("X-B", "client"), ("x-a", "route"), ("X-C", "route"))


def test_a_route_may_ask_for_no_audience_at_all():
    client = "{issuer: 'https://a', client_id: me, client_secret: s, audience: a}"
    settings = load_text(
        f"clients: {{crm: {client}}}\nroutes: [{{path: /, upstream: 'https://a', client: crm, audience: []}}]"
    )
    assert settings.routes[0].grant.audience == ()


def test_a_route_may_replace_the_scope_of_a_client_that_has_none():
    settings = load_text(CRM + "routes: [{path: /, upstream: 'https://a', client: crm, scope: a}]")
    assert settings.routes[0].grant is not None
    assert settings.routes[0].grant.scope == ("a",)
    assert settings.clients[ClientName("crm")].grant.scope == ()


def test_names_of_routes_carry_methods_only_where_the_place_is_shared():
    route = "{{path: {}, upstream: 'http://a'{}}}"
    routes = [
        route.format("/a", ", methods: [POST, GET]"),
        route.format("/a", ""),
        route.format("/b", ", methods: [GET]"),
    ]
    settings = load_text(f"routes: [{', '.join(routes)}]")
    assert [one.name for one in settings.routes] == ["/a[GET,POST]", "/a", "/b"]


@pytest.mark.parametrize(
    ("way", "policy"),
    [
        ("{network: 10.0.0.0/8}", "keep"),
        ("{certificate: {dns: a.test}}", "keep"),
        ("{api_key: {file: keys.toml}}", "keep"),
        ("{jwt: {issuer: 'https://as.test', audience: us, header: X-Assertion}}", "keep"),
        ("{jwt: {issuer: 'https://as.test', audience: us}}", "replace"),
        ("{basic: {htpasswd: users}}", "replace"),
    ],
)
def test_authorization_passes_unless_callers_are_known_by_it(way, policy):
    """Where the credential goes elsewhere, it is their own business."""
    document = f"""
listen: {{address: 127.0.0.1:8443, tls: {{certificate: a.pem, key: a.key, client_ca: ca.pem}}}}
callers: {{them: {way}}}
clients: {{crm: {{token_endpoint: 'https://as.test/t', client_id: c, client_secret: s, send: {{query: k}}}}}}
routes: [{{path: /, upstream: 'https://a.test', client: crm, access: [{{caller: them}}]}}]
"""
    assert load_text(document).routes[0].authorization.value == policy


@pytest.mark.parametrize(
    ("told", "passing"),
    [
        ('identity: {X-Partner: "{caller.id}"}', ("X-API-Key",)),
        ('identity: {x_partner: "{caller.id}"}', ("X-API-Key",)),
        ("identity_jwt: {header: X-Partner, audience: crm}", ("X-API-Key",)),
        ('identity: {X-Caller: "{caller.id}"}', ("X-Partner", "X-API-Key")),
    ],
)
def test_what_tells_an_upstream_who_calls_passes_on_no_route(told, passing):
    """Elsewhere a caller could write it, as a key of its own that the route has no use for."""
    settings = load_text(
        "identity_jwt: {issuer: us}\n"
        "callers:\n"
        "  partner: {api_key: {file: keys.toml, header: X-Partner}}\n"
        "  other: {api_key: {file: keys.toml}}\n"
        "routes:\n"
        f"  - {{path: /told, upstream: https://a.test, access: [{{caller: partner}}], {told}}}\n"
        "  - {path: /open, upstream: https://a.test}\n"
    )

    assert settings.routes[1].passes == passing
