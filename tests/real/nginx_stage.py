"""The stage of the tests with nginx as upstream: nginx, the gateway before it, and an honest caller."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.real.gateways import Running, gateway
from tests.real.nginx import nginx
from tests.real.programs import free_port

SERVER = """
    gzip on; gzip_types text/plain; gzip_min_length 1; gzip_proxied any;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        location /ssi/ {{ ssi on; }}
        location /plain/ {{ gzip off; alias {root}/; }}
        location = /number {{ return 200 "$connection $connection_requests"; }}
        location = /told {{ return 200 "$http_authorization|$http_via|$http_connection|$http_x_forwarded_for"; }}
        location = /teapot {{ return 418 "short and stout"; }}
        location = /empty {{ return 204; }}
        location = /old {{ return 301 /new?a=b; }}
        location = /reset {{ return 444; }}
        {more}
    }}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """nginx, the gateway before it, and a caller that changes nothing."""

    gateway: Running
    session: aiohttp.ClientSession
    port: int
    root: Path

    def url(self, path: str, *, direct: bool = False) -> str:
        return (f"http://127.0.0.1:{self.port}" if direct else self.gateway.url) + path

    async def send(self, method: str, path: str, *, direct: bool = False, **options):
        # Not followed, not unpacked: what came is compared.
        async with self.session.request(
            method, self.url(path, direct=direct), allow_redirects=False, **options
        ) as answer:
            return answer.status, answer.headers, await answer.read()

    async def get(self, path: str, *, direct: bool = False, **fields: str):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await self.send("GET", path, direct=direct, headers=headers)


def caller() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=("Accept-Encoding",), cookie_jar=aiohttp.DummyCookieJar()
    )


@asynccontextmanager
async def stage(folder: Path, more: str = ""):
    root = folder / "root"
    root.mkdir()
    port = free_port()
    routes = [{"path": "/", "upstream": f"http://127.0.0.1:{port}"}]
    async with (
        nginx(folder, SERVER.format(port=port, root=root, more=more), port),
        gateway(folder, {"routes": routes}) as running,
        caller() as session,
    ):
        yield Stage(running, session, port, root)
