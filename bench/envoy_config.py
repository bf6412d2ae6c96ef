"""Envoy's configuration, as JSON: `credential_injector` with its `oauth2` source, before the upstreams."""

from __future__ import annotations

import json
import pathlib

from bench.configs import CLIENT_SECRET, Front, Places, api_port


def envoy(places: Places, front: Front) -> str:
    """Return the configuration of Envoy, as JSON."""
    return json.dumps(
        {
            "admin": {"address": _address(front.admin)},
            "static_resources": {
                "listeners": [_listener(places, front)],
                "clusters": [
                    _api_cluster(places, front),
                    _cluster("strict", places.strict),
                    _cluster("authorization_server", places.authorization_server),
                ],
                "secrets": [_secret("client_secret", CLIENT_SECRET)],
            },
        },
        indent=2,
    )


def _listener(places: Places, front: Front) -> dict[str, object]:
    manager = {
        "@type": _type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "callers",
        "access_log": _access_log(front.access_log),
        "route_config": {"virtual_hosts": [_virtual_host()]},
        "http_filters": [
            _credential_injector(places, front),
            {"name": "router", "typed_config": {"@type": _type("filters.http.router.v3.Router")}},
        ],
    }
    chain: dict[str, object] = {
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    }
    if front.scenario.has_tls_listener:
        chain["transport_socket"] = _tls_socket("DownstreamTlsContext", _served(places))
    return {"name": "callers", "address": _address(front.listen), "filter_chains": [chain]}


def _credential_injector(places: Places, front: Front) -> dict[str, object]:
    source = {
        "@type": _type("http.injected_credentials.oauth2.v3.OAuth2"),
        "token_endpoint": {
            "cluster": "authorization_server",
            "uri": f"http://127.0.0.1:{places.authorization_server}{front.token_path}",
            "timeout": "3s",
        },
        "client_credentials": {"client_id": front.client_id, "client_secret": {"name": "client_secret"}},
    }
    injector = {
        "@type": _type("filters.http.credential_injector.v3.CredentialInjector"),
        "overwrite": True,
        "credential": {"name": "envoy.http.injected_credentials.oauth2", "typed_config": source},
    }
    return {"name": "envoy.filters.http.credential_injector", "typed_config": injector}


def _virtual_host() -> dict[str, object]:
    # Envoy's routes end after 15 s by default, which a download to a slow reader would not survive.
    routes = [
        {"match": {"prefix": prefix}, "route": {"cluster": cluster, "timeout": "300s"}}
        for prefix, cluster in (("/strict", "strict"), ("/", "api"))
    ]
    return {"name": "all", "domains": ["*"], "routes": routes}


def _access_log(path: pathlib.Path | None) -> list[dict[str, object]]:
    if path is None:
        return []
    log = {"@type": _type("access_loggers.file.v3.FileAccessLog"), "path": str(path)}
    return [{"name": "envoy.access_loggers.file", "typed_config": log}]


def _api_cluster(places: Places, front: Front) -> dict[str, object]:
    cluster = _cluster("api", api_port(places, front))
    if front.scenario.has_tls_upstream:
        cluster["transport_socket"] = _tls_socket("UpstreamTlsContext", _verified(places))
    return cluster


def _tls_socket(kind: str, context: dict[str, object]) -> dict[str, object]:
    # For upstreams Envoy goes no higher than TLS 1.2 unless told to.
    versions = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    typed = {
        "@type": _type(f"transport_sockets.tls.v3.{kind}"),
        "common_tls_context": {"tls_params": versions, **context},
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed}


def _served(places: Places) -> dict[str, object]:
    files = places.certificates
    chain = {"filename": str(files.certificate)}
    return {"tls_certificates": [{"certificate_chain": chain, "private_key": {"filename": str(files.key)}}]}


def _verified(places: Places) -> dict[str, object]:
    trusted = {"filename": str(places.certificates.authority)}
    name = {"san_type": "IP_ADDRESS", "matcher": {"exact": "127.0.0.1"}}
    return {"validation_context": {"trusted_ca": trusted, "match_typed_subject_alt_names": [name]}}


def _cluster(name: str, port: int) -> dict[str, object]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _secret(name: str, value: str) -> dict[str, object]:
    return {"name": name, "generic_secret": {"secret": {"inline_string": value}}}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{name}"
