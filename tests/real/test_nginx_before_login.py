"""nginx before an authorization server: it compresses unasked, and closes connections that are kept."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from tests.real.gateways import gateway
from tests.real.nginx import nginx
from tests.real.programs import free_port, needs
from tests.real.upstreams import serving

pytestmark = needs("nginx", "nginx-light")

HTTP = """
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests {requests};
        location /.well-known/ {{ root {folder}; gzip_static always; default_type application/json; }}
        location / {{ proxy_pass http://127.0.0.1:{login}; }}
    }}
"""


@asynccontextmanager
async def stage(folder, *, requests: int = 1000, lifetime_s: int = 600):
    """A gateway that finds its token endpoint by metadata, of which nginx has only the compressed file."""
    asked: list[str] = []

    async def login(request):
        asked.append(request.path)
        token = {"access_token": f"access_token_{len(asked)}", "expires_in": lifetime_s}
        body = gzip.compress(json.dumps(token).encode())
        fields = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=body, headers=fields)

    async def upstream(request):
        return web.Response(text=request.headers["Authorization"])

    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    metadata = {"issuer": issuer, "token_endpoint": f"{issuer}/token"}
    place = folder / ".well-known" / "oauth-authorization-server.gz"
    place.parent.mkdir()
    place.write_bytes(gzip.compress(json.dumps(metadata).encode()))
    async with serving(login) as login_port, serving(upstream) as upstream_port, ClientSession() as session:
        http = HTTP.format(port=port, folder=folder, login=login_port, requests=requests)
        client = {"issuer": issuer, "client_id": "me", "client_secret": "hunter2"}
        route = {"path": "/", "upstream": f"http://127.0.0.1:{upstream_port}", "client": "crm"}
        document = {"clients": {"crm": client}, "routes": [route]}
        async with nginx(folder, http, port), gateway(folder, document) as running:
            yield running, session


async def test_metadata_and_tokens_that_were_compressed_unasked(tmp_path):
    async with stage(tmp_path) as (running, session), session.get(running.url) as answer:
        assert (answer.status, await answer.text()) == (200, "Bearer access_token_1")


async def test_connections_that_nginx_closes_cost_no_caller_anything(tmp_path):
    async with stage(tmp_path, requests=1, lifetime_s=1) as (running, session):
        statuses = []
        for _ in range(30):
            async with session.get(running.url) as answer:
                statuses.append(answer.status)
            await asyncio.sleep(0.1)
        assert set(statuses) == {200}
        assert running.tokens("crm") > 1
