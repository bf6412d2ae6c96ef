"""The configuration of everybody: pure functions from where things are to the text of a file.

All proxies do the same: `/strict` goes to the strict upstream, anything else to the nginx one, over kept
connections, with a token that the authorization server has issued (gateway, Envoy) or a static one (the
rest).
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import textwrap

from bench.certificates import Certificates
from bench.scenarios import PLAIN, Scenario

BODY = '{"orders": [' + ", ".join(f'{{"id": {number}}}' for number in range(8, 17)) + '], "more": false}'
"""The answer that is proxied, 133 bytes of JSON."""
STATIC_TOKEN = "static"
CLIENT_SECRET = "correct-horse-battery-staple"
CIPHER = "TLS_AES_128_GCM_SHA256"
_MANY = 1_000_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where things are: a directory to write in, and ports on the loopback address."""

    directory: pathlib.Path
    api: int
    strict: int
    authorization_server: int
    tls_api: int

    @property
    def certificates(self) -> Certificates:
        """What servers that speak TLS show, and what their callers trust."""
        return Certificates.among(self.directory)


@dataclasses.dataclass(frozen=True, slots=True)
class Front:
    """How one contestant is set up: its ports, the client it is, the token it asks for, its access log."""

    listen: int
    admin: int
    client_id: str
    token_path: str = "/token/3600"
    access_log: pathlib.Path | None = None
    scenario: Scenario = PLAIN

    @property
    def url(self) -> str:
        """Where callers go for the small answer."""
        scheme = "https" if self.scenario.has_tls_listener else "http"
        return f"{scheme}://127.0.0.1:{self.listen}/"


def gateway(places: Places, front: Front) -> str:
    """Return our own `gateway.yaml`."""
    return textwrap.dedent(f"""\
        listen: {_gateway_listener(places, front)}
        admin: 127.0.0.1:{front.admin}
        log:
          access: {json.dumps(str(front.access_log)) if front.access_log else "off"}
        clients:
          bench:
            token_endpoint: http://127.0.0.1:{places.authorization_server}{front.token_path}
            client_id: {front.client_id}
            client_secret: {CLIENT_SECRET}
            dpop_bound_access_tokens: {str(front.scenario.proves).lower()}
        routes:
          - {{path: /, {_gateway_upstream(places, front)}, client: bench, timeout: 5m}}
          - {{path: /strict, upstream: "http://127.0.0.1:{places.strict}", client: bench, timeout: 5m}}
        """)


def _gateway_listener(places: Places, front: Front) -> str:
    address = f"127.0.0.1:{front.listen}"
    if not front.scenario.has_tls_listener:
        return address
    files = {"certificate": str(places.certificates.certificate), "key": str(places.certificates.key)}
    return json.dumps({"address": address, "tls": files})


def _gateway_upstream(places: Places, front: Front) -> str:
    if not front.scenario.has_tls_upstream:
        return f'upstream: "http://127.0.0.1:{places.api}"'
    ca = json.dumps(str(places.certificates.authority))
    return f'upstream: "https://127.0.0.1:{places.tls_api}", tls: {{ca: {ca}}}'


def upstream_nginx(places: Places) -> str:
    """Return that of the upstream: small answers and one large file, for callers with a token."""
    return _nginx(
        f"""
        server {{
            listen 127.0.0.1:{places.api} backlog=1024;
            listen 127.0.0.1:{places.tls_api} ssl backlog=1024;
            {_nginx_tls(places)}
            default_type application/json;
            if ($http_authorization !~ "^(Bearer|DPoP) .") {{ return 401; }}
            location / {{ return 200 '{BODY}'; }}
            location /download {{ alias {places.directory}/download; }}
        }}
        """,
        places.directory / "upstream",
    )


def _nginx_tls(places: Places) -> str:
    """Return how TLS is spoken: one version, and the one cipher that RFC 8446 (9.1) demands of everybody.

    Else each client would get the cipher it names first, and be compared with another on other terms.
    """
    files = places.certificates
    return f"""
            ssl_certificate {files.certificate};
            ssl_certificate_key {files.key};
            ssl_protocols TLSv1.3;
            ssl_conf_command Ciphersuites {CIPHER};
            """


def proxy_nginx(places: Places, front: Front) -> str:
    """Return the configuration of nginx as a contestant."""
    return _nginx(
        f"""
        upstream api {{
            server 127.0.0.1:{_api(places, front)};
            keepalive 128;
            keepalive_requests {_MANY};
        }}
        server {{
            listen 127.0.0.1:{front.listen} {"ssl" if front.scenario.has_tls_listener else ""} backlog=1024;
            {_nginx_tls(places) if front.scenario.has_tls_listener else ""}
            location / {{
                {_nginx_pass(places, front)}
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Authorization "Bearer {STATIC_TOKEN}";
            }}
        }}
        """,
        places.directory / "nginx",
    )


def _api(places: Places, front: Front) -> int:
    return places.tls_api if front.scenario.has_tls_upstream else places.api


def _nginx_pass(places: Places, front: Front) -> str:
    if not front.scenario.has_tls_upstream:
        return "proxy_pass http://api;"
    return f"""
                proxy_pass https://api;
                proxy_ssl_protocols TLSv1.3;
                proxy_ssl_verify on;
                proxy_ssl_name 127.0.0.1;
                proxy_ssl_trusted_certificate {places.certificates.authority};
                """


def _nginx(servers: str, prefix: pathlib.Path) -> str:
    # One process without a master: it keeps the user who started it, so that its files stay reachable and
    # removable.
    temporary = "\n".join(
        f"{kind}_temp_path {prefix}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
        daemon off;
        master_process off;
        pid {prefix}.pid;
        error_log stderr warn;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            sendfile on;
            tcp_nodelay on;
            keepalive_timeout 600s;
            keepalive_requests {_MANY};
            {temporary}
            {servers}
        }}
        """


def haproxy(places: Places, front: Front) -> str:
    """Return the configuration of HAProxy."""
    return textwrap.dedent(f"""\
        global
            nbthread 1
            maxconn 4096
        defaults
            mode http
            timeout connect 5s
            timeout client 600s
            timeout server 600s
            http-reuse always
        frontend callers
            bind 127.0.0.1:{front.listen}
            default_backend api
        backend api
            http-request set-header Authorization "Bearer {STATIC_TOKEN}"
            server api 127.0.0.1:{places.api}
        """)


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
    cluster = _cluster("api", _api(places, front))
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
