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
"""The answer that is proxied, 133 bytes of JSON; the orders from 200 and from 300 on have some more."""
LARGE, LARGE_BY_TLS = "large", "tls-large"
"""The files that are downloaded in plain HTTP, and through TLS to the upstream."""
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
            location /orders/2 {{ return 200 '{BODY} '; }}
            location /orders/3 {{ return 200 '{BODY}  '; }}
            location /{LARGE} {{ alias {places.directory}/{LARGE}; }}
            location /{LARGE_BY_TLS} {{ alias {places.directory}/{LARGE_BY_TLS}; }}
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
            server 127.0.0.1:{api_port(places, front)};
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


def api_port(places: Places, front: Front) -> int:
    """Return where the upstream of the small answer listens for a contestant."""
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
