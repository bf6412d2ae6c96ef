"""The whole way from the file to `Settings`: golden files, and properties over arbitrary documents."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gateway.config import (
    ConfigError,
    ConfigUnreadable,
    Problem,
    Severity,
    counted,
    json_schema,
    load,
)
from gateway.core.client_settings import AuthMethod, ClientName, Reach, TlsVersion
from gateway.core.settings import (
    Address,
    CallerAuthorization,
    HeaderRules,
    Limits,
    LogSettings,
    Scheme,
    SocketAccess,
    Timeouts,
)
from gateway.core.signing_settings import DpopSettings, SigningAlgorithm
from tests.config.documents import CLIENT, CRM, ENVIRON, ROUTE, SECRET, load_text, problems_of

BROKEN = Path(__file__).parent / "broken"
WARNED = Path(__file__).parent / "warned"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_broken_file_has_exactly_the_problems_that_stand_beside_it(path):
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    shown = str(caught.value).replace(f"{BROKEN}/", "")
    assert shown == path.with_suffix(".txt").read_text().rstrip("\n")


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_broken_file_has_a_secret_in_its_problems_or_in_the_error(path):
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert "hunter2" not in repr(caught.value.problems)


@pytest.mark.parametrize("path", sorted(WARNED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_odd_file_loads_with_exactly_the_warnings_that_stand_beside_it(path):
    shown = "\n".join(load(path, ENVIRON).warnings).replace(f"{WARNED}/", "")
    assert shown == path.with_suffix(".txt").read_text().rstrip("\n")
    assert "hunter2" not in shown


def test_problems_are_sorted_by_position_and_stand_once():
    for path in BROKEN.glob("*.yaml"):
        with pytest.raises(ConfigError) as caught:
            load(path, ENVIRON)
        places = [(problem.line, problem.column) for problem in caught.value.problems]
        assert places == sorted(places)
        assert len(set(caught.value.problems)) == len(places)


def test_a_problem_reads_as_file_line_column_path_and_message():
    problem = Problem(
        "gateway.yaml", 4, 5, "clients.crm.client_secert", "unknown key, did you mean client_secret?"
    )
    assert (
        str(problem)
        == "gateway.yaml:4:5: clients.crm.client_secert: unknown key, did you mean client_secret?"
    )


def test_a_warning_reads_as_one_between_place_and_path():
    problem = Problem("gateway.yaml", 4, 5, "routes[0].preserve_host", "odd", Severity.WARNING)
    assert str(problem) == "gateway.yaml:4:5: warning: routes[0].preserve_host: odd"


@pytest.mark.parametrize(
    ("severities", "told"),
    [
        ([], ""),
        ([Severity.PROBLEM], "1 problem"),
        ([Severity.WARNING, Severity.PROBLEM, Severity.PROBLEM], "2 problems, 1 warning"),
        ([Severity.WARNING, Severity.WARNING], "2 warnings"),
    ],
)
def test_problems_and_warnings_are_counted_apart(severities, told):
    assert counted(Problem("f", 1, 1, "", "m", severity) for severity in severities) == told


def test_the_example_of_the_repository_loads():
    settings = load(ROOT / "gateway.yaml", {"DEMO_SECRET": "hunter2", "PARTNER_SECRET": "hunter3"})
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


def test_every_key_of_a_client_reaches_its_settings():
    settings = load_text(
        """
clients:
  crm:
    token_endpoint: http://login.example.com/t?tenant=acme
    client_id: me
    client_secret: "${env:SECRET}"
    token_endpoint_auth_method: client_secret_post
    scope: [a, b]
    audience: [one, two, one]
    resource: urn:example:api
    parameters: {tenant: acme}
    default_lifetime: 1m
    timeout: 3s
    timeouts: {connect: 1s}
    headers: {X-Tenant: acme}
    allow_insecure: true
    proxy: http://user:password@proxy.example.com:3128
    tls: {ca: /etc/ca.pem, min_version: TLSv1.3, server_name: Login.Example.com}
    dpop_bound_access_tokens: true
    dpop_private_key: "${env:SECRET}"
    dpop_signing_alg: ES384
    dpop_allow_bearer: true
    revoke: true
    revocation_endpoint: http://login.example.com/r
"""
        + ROUTE
    )
    client = settings.clients[ClientName("crm")]
    assert client.grant.token_endpoint == "http://login.example.com/t?tenant=acme"
    assert client.grant.method is AuthMethod.CLIENT_SECRET_POST
    assert client.grant.scope == ("a", "b")
    assert client.grant.audience == ("one", "two")
    assert client.grant.resource == ("urn:example:api",)
    assert client.grant.parameters == (("tenant", "acme"),)
    assert client.grant.headers == (("X-Tenant", "acme"),)
    assert client.grant.dpop == DpopSettings(SigningAlgorithm.ES384, allows_bearer=True)
    assert client.default_lifetime_s == 60.0
    assert client.reach == Reach(
        timeout_s=3.0,
        connect_timeout_s=1.0,
        ca_file="/etc/ca.pem",
        proxy="http://user:password@proxy.example.com:3128",
        min_tls=TlsVersion.TLS_1_3,
        server_name="login.example.com",
        allows_insecure=True,
    )
    assert (client.revokes, client.revocation_endpoint) == (True, "http://login.example.com/r")
    assert client.credentials[0]().reveal() == SECRET
    assert client.dpop_key().reveal() == SECRET


def test_an_issuer_alone_is_enough():
    settings = load_text(
        "clients: {crm: {issuer: 'https://a/b/', client_id: me, client_secret: s}}\n" + ROUTE
    )
    grant = settings.clients[ClientName("crm")].grant
    assert (grant.token_endpoint, grant.issuer) == (None, "https://a/b/")


def test_several_secrets_are_read_in_their_order():
    text = (
        "clients: {crm: {issuer: 'https://a', client_id: me, client_secret: ['${env:SECRET}', new]}}\n"
        + ROUTE
    )
    [client] = load_text(text).clients.values()
    assert [reader().reveal() for reader in client.credentials] == [SECRET, "new"]


@pytest.mark.parametrize(
    ("written", "audience"),
    [("", None), ("token_endpoint", None), ("issuer", "https://a/"), ("https://b", "https://b")],
)
def test_whom_assertions_are_for_is_the_endpoint_the_issuer_or_any_text(written, audience):
    key = f"assertion_audience: '{written}', " if written else ""
    client = f"{{issuer: 'https://a/', {key}client_id: me, token_endpoint_auth_method: private_key_jwt, private_key: k}}"
    [made] = load_text(f"clients: {{crm: {client}}}\n" + ROUTE).clients.values()
    assert made.grant.assertion.audience == audience


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


def test_listeners_admin_log_limits_and_grace_reach_the_settings():
    settings = load_text(
        """
listen:
  - "[::1]:8080"
  - unix:/run/gateway.sock
  - {address: "localhost:0", tls: {certificate: a.pem, key: b.pem}}
admin: off
trusted_proxies: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1, 10.0.0.0/8]
limits: {target: 4096, headers: 10, replay: 1B}
log: {level: debug, format: json, access: off}
grace: 1s
"""
        + ROUTE
    )
    assert [str(listener.address) for listener in settings.listeners] == [
        "[::1]:8080",
        "unix:/run/gateway.sock",
        "localhost:0",
    ]
    assert settings.listeners[2].tls is not None
    assert Path(settings.listeners[2].tls.key).is_absolute()
    assert settings.admin is None
    assert list(map(str, settings.trusted_proxies.networks)) == [
        "10.0.0.0/8",
        "2001:db8::/32",
        "192.0.2.1/32",
    ]
    assert settings.limits == Limits(target_bytes=4096, headers=10, replay_bytes=1)
    assert (settings.log.level, settings.log.format.value, settings.log.access) == ("debug", "json", None)
    assert settings.grace_s == 1.0


@pytest.mark.parametrize(
    ("keys", "access"),
    [
        ("", SocketAccess()),
        (", mode: '660'", SocketAccess(0o660)),
        (', mode: "0222"', SocketAccess(0o222)),
        (", group: www-data", SocketAccess(0o660, "www-data")),
        (', group: "33", mode: "0777"', SocketAccess(0o777, "33")),
    ],
)
def test_a_unix_socket_has_a_mode_and_a_group(keys, access):
    one = f"{{address: 'unix:/run/a'{keys}}}"
    for listen in (one, f"[{one}]"):
        (listener,) = load_text(f"listen: {listen}\n{ROUTE}").listeners
        assert (listener.address, listener.access) == (Address(path="/run/a"), access)


@pytest.mark.parametrize("mode", ["0660", "660", "0o660", "6_60"])
@pytest.mark.parametrize("pattern", ["{}", "[{}]"])
def test_a_mode_without_quotes_is_one_problem(pattern, mode):
    told = problems_of(f"listen: {pattern.format(f'{{address: unix:/a, mode: {mode}}}')}\n{ROUTE}")
    assert len(told) == 1
    assert told[0].endswith('put the mode in quotes, as in mode: "0660"')


@pytest.mark.parametrize(
    ("written", "networks", "unix"),
    [
        ("[]", [], False),
        ("[unix]", [], True),
        ("[10.0.0.0/8, unix, unix, '::1']", ["10.0.0.0/8", "::1/128"], True),
    ],
)
def test_proxies_are_trusted_by_network_and_over_unix_sockets(written, networks, unix):
    trusted = load_text(f"trusted_proxies: {written}\n{ROUTE}").trusted_proxies
    assert (list(map(str, trusted.networks)), trusted.unix) == (networks, unix)


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


def test_an_alias_is_read_as_what_it_stands_for():
    text = f"clients: {{a: &a {CLIENT}, b: *a}}\n" + ROUTE
    settings = load_text(text)
    assert [client.credentials[0]().reveal() for client in settings.clients.values()] == [SECRET, SECRET]


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("\ufeff" + ROUTE, encoding="utf-8")
    assert len(load(path, {}).routes) == 1


def test_a_missing_file_is_one_line_that_names_it(tmp_path):
    path = tmp_path / "gateway.yaml"
    with pytest.raises(ConfigUnreadable) as caught:
        load(path, {})
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_no_configuration(tmp_path):
    assert stat.S_ISDIR(tmp_path.stat().st_mode)
    with pytest.raises(ConfigUnreadable):
        load(tmp_path, {})


def test_a_file_of_16_mebibytes_is_read_and_one_byte_more_is_not(tmp_path):
    path = tmp_path / "gateway.yaml"
    padding = "#" * (16 * 1024 * 1024 - len(ROUTE))
    path.write_text(ROUTE + padding)
    assert len(load(path, {}).routes) == 1
    path.write_text(ROUTE + padding + "#")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert [problem.message for problem in caught.value.problems] == ["the file is larger than 16 MiB"]


def test_an_unquoted_off_is_a_word_only_where_it_is_one_of_ours():
    assert load_text("admin: off\nlog: {access: off}\n" + ROUTE).admin is None
    assert load_text("admin: 'off'\n" + ROUTE).admin is None
    assert len(problems_of("log: {level: off}\n" + ROUTE)) == 1


def test_a_wrong_access_hides_no_other_problem_and_makes_none():
    """The route says something about access; that it says it wrongly is one problem, not two."""
    text = (
        "listen: 0.0.0.0:80\n" + CRM + "routes: [{path: /, upstream: 'https://a', client: crm, access: al}]"
    )
    assert problems_of(text) == ["3:64: routes[0].access: expected anyone"]


def test_a_route_with_a_wrong_path_is_not_compared_with_others():
    text = "routes: [{path: /, upstream: 'http://a'}, {path: b, upstream: 'http://a'}]"
    assert problems_of(text) == ["1:50: routes[1].path: expected a path that begins with /"]


def test_a_wrong_allow_insecure_does_not_make_the_endpoint_wrong_too():
    client = CLIENT.replace("https", "http").replace("}'}", "}', allow_insecure: 1}")
    assert problems_of(f"clients: {{a: {client}}}\n{ROUTE}") == [
        "1:124: clients.a.allow_insecure: expected true or false, without quotes, found a number"
    ]


# ── arbitrary documents ───────────────────────────────────────────────────────────────────────────


def _keys() -> list[str]:
    found: set[str] = set()

    def collect(shape):
        if isinstance(shape, dict):
            found.update(shape.get("properties", {}))
            for below in shape.values():
                collect(below)
        elif isinstance(shape, list):
            for below in shape:
                collect(below)

    collect(json_schema())
    return sorted(found)


leaves = st.one_of(
    st.sampled_from(
        [SECRET, f"http://{SECRET}@h/", "${env:SECRET}", "http://${env:SECRET}", "/${env:SECRET}"]
    ),
    st.sampled_from(["127.0.0.1:8080", "/a", "https://a/t", "GET", "crm", "30s", "64KiB", "off", "anyone"]),
    st.booleans(),
    st.integers(-5, 500),
    st.floats(allow_nan=False),
    st.none(),
    st.text(max_size=8),
)
keys = st.one_of(st.sampled_from(_keys()), st.sampled_from(["crm", "x"]), st.text(max_size=4))
trees = st.recursive(
    leaves,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(keys, below, max_size=5)),
    max_leaves=25,
)
clients = st.dictionaries(st.just("crm"), st.dictionaries(keys, trees, max_size=5), max_size=1)
routes = st.lists(st.dictionaries(keys, trees, max_size=5), max_size=3)
documents = st.fixed_dictionaries(
    {}, optional={"clients": clients | trees, "routes": routes | trees}
).flatmap(lambda base: st.dictionaries(keys, trees, max_size=3).map(lambda more: {**more, **base}))


@given(documents)
def test_any_document_loads_or_is_refused_in_our_words_without_the_secret(document):
    text = json.dumps(document, ensure_ascii=True)
    try:
        settings = load_text(text)
    except ConfigError as error:
        assert error.problems
        assert "hunter2" not in str(error)
        assert "cannot be used here" not in str(error)
        assert all("\n" not in str(problem) for problem in error.problems)
    else:
        assert settings.routes


@given(st.text(alphabet="ab: -[]{}#&*!|>'\"%@`\n\t,?~<0123", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        load_text(text)
    except ConfigError as error:
        assert error.problems


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "gateway.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path, {})


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


def test_every_broken_file_is_what_other_readers_call_yaml_or_says_why_not():
    """The golden files test our reading of YAML; those about keys must be YAML to everybody."""
    for path in BROKEN.glob("*.yaml"):
        if "unknown key" in path.with_suffix(".txt").read_text() and path.stem != "merge_key":
            YAML(typ="safe", pure=True).load(path.read_text())
