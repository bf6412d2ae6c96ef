import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import configs
from bench.configs import Front, Places
from bench.envoy_config import envoy
from bench.scenarios import DPOP, PLAIN, TLS_LISTENER, TLS_UPSTREAM
from gateway.config import load

PLACES = Places(Path("/tmp/bench"), api=9001, strict=9002, authorization_server=9003, tls_api=9006)
FRONT = Front(listen=9004, admin=9005, client_id="gateway-1", token_path="/token/2")
LOGGED = Front(listen=9004, admin=9005, client_id="gateway-1", access_log=Path("/tmp/bench/a log.json"))


def settings(folder, front):
    file = folder / "gateway.yaml"
    file.write_text(configs.gateway(PLACES, front))
    return load(file, {})


def test_our_configuration_is_one_that_the_gateway_takes(tmp_path):
    loaded = settings(tmp_path, FRONT)
    (client,) = loaded.clients.values()

    assert (str(loaded.listeners[0].address), str(loaded.admin)) == ("127.0.0.1:9004", "127.0.0.1:9005")
    assert (client.grant.client_id, client.grant.token_endpoint) == (
        "gateway-1",
        "http://127.0.0.1:9003/token/2",
    )
    assert client.credentials[0]().reveal() == configs.CLIENT_SECRET
    assert [(route.path, route.upstream.port) for route in loaded.routes] == [("/", 9001), ("/strict", 9002)]
    assert {route.grant.client for route in loaded.routes} == {"bench"}


@pytest.mark.parametrize("scenario", [PLAIN, DPOP])
def test_tokens_are_bound_only_where_proofs_are_measured(tmp_path, scenario):
    [client] = settings(tmp_path, replace(FRONT, scenario=scenario)).clients.values()
    assert (client.grant.dpop is not None) == scenario.proves


@pytest.fixture
def places(tmp_path):
    places = replace(PLACES, directory=tmp_path)
    places.certificates.make()
    return places


@pytest.mark.parametrize("scenario", [PLAIN, TLS_UPSTREAM, TLS_LISTENER])
def test_tls_is_spoken_only_where_it_is_measured(places, scenario):
    """And by Envoy as by the gateway: verified, in the one version and with the one cipher that all have."""
    front = replace(FRONT, scenario=scenario)
    file = places.directory / "gateway.yaml"
    file.write_text(configs.gateway(places, front))
    loaded = load(file, {})
    built = json.loads(envoy(places, front))

    assert (loaded.routes[0].upstream.port == 9006) == scenario.has_tls_upstream
    assert (loaded.listeners[0].tls is not None) == scenario.has_tls_listener
    assert [node["@type"].rpartition(".")[2] for node in nodes(built) if "common_tls_context" in node] == [
        *["DownstreamTlsContext"] * scenario.has_tls_listener,
        *["UpstreamTlsContext"] * scenario.has_tls_upstream,
    ]
    assert [
        node["tls_minimum_protocol_version"]
        for node in nodes(built)
        if "tls_minimum_protocol_version" in node
    ] == ["TLSv1_3"] * (scenario is not PLAIN)
    assert front.url == f"{'https' if scenario.has_tls_listener else 'http'}://127.0.0.1:9004/"


@pytest.mark.parametrize(("front", "path"), [(FRONT, None), (LOGGED, "/tmp/bench/a log.json")])
def test_the_access_log_is_on_only_where_it_is_measured(tmp_path, front, path):
    """In Envoy as in the gateway: else one is compared with the other doing more."""
    manager = find(json.loads(envoy(PLACES, front)), "http_connection_manager.v3")

    assert settings(tmp_path, front).log.access == path
    assert [log["typed_config"]["path"] for log in manager["access_log"]] == ([] if path is None else [path])


def find(tree, kind):
    """The one typed configuration of a kind."""
    (found,) = [node for node in nodes(tree) if kind in node.get("@type", "")]
    return found


def nodes(tree):
    if isinstance(tree, dict):
        yield tree
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(below)


def test_envoy_does_the_same_job():
    built = json.loads(envoy(PLACES, FRONT))
    source = find(built, "injected_credentials.oauth2")
    routes = find(built, "http_connection_manager.v3")["route_config"]["virtual_hosts"][0]["routes"]

    assert source["token_endpoint"]["uri"] == "http://127.0.0.1:9003/token/2"
    assert source["client_credentials"]["client_id"] == "gateway-1"
    assert find(built, "credential_injector.v3")["overwrite"] is True
    assert [(one["match"]["prefix"], one["route"]["cluster"]) for one in routes] == [
        ("/strict", "strict"),
        ("/", "api"),
    ]


def test_envoy_names_only_clusters_and_secrets_that_it_has():
    built = json.loads(envoy(PLACES, FRONT))
    resources = built["static_resources"]
    clusters = {cluster["name"]: cluster for cluster in resources["clusters"]}
    ports = {
        name: node["port_value"]
        for name, tree in clusters.items()
        for node in nodes(tree)
        if "port_value" in node
    }

    assert {node["cluster"] for node in nodes(built) if "cluster" in node} == set(clusters)
    assert ports == {"api": 9001, "strict": 9002, "authorization_server": 9003}
    assert [secret["name"] for secret in resources["secrets"]] == ["client_secret"]


def test_the_small_answer_is_133_bytes_of_json():
    assert len(configs.BODY) == 133
    assert json.loads(configs.BODY)["more"] is False


@pytest.mark.parametrize(
    "text",
    [configs.upstream_nginx(PLACES), configs.proxy_nginx(PLACES, FRONT), configs.haproxy(PLACES, FRONT)],
)
def test_every_proxy_listens_on_this_machine_only(text):
    addresses = [word for word in text.replace(";", " ").split() if word.count(".") == 3]

    assert addresses
    assert [address for address in addresses if not address.startswith("127.0.0.1:")] == []


def test_the_upstream_refuses_whoever_has_no_token():
    assert 'if ($http_authorization !~ "^(Bearer|DPoP) .") { return 401; }' in configs.upstream_nginx(PLACES)
    for text in (configs.proxy_nginx(PLACES, FRONT), configs.haproxy(PLACES, FRONT)):
        assert f'"Bearer {configs.STATIC_TOKEN}"' in text
