"""nginx with a configuration of the test's own: one process, all of its files below one folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.real.programs import find, running

SETTINGS = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    types {{ text/plain txt; text/html html; application/octet-stream bin; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, http: str, *ports: int) -> AsyncIterator[None]:
    """Run nginx with the `http` block given; it is ready when all of `ports` accept."""
    settings, log = folder / "nginx.conf", folder / "nginx.log"
    settings.write_text(SETTINGS.format(folder=folder, http=http), "utf-8")
    command: list[str | Path] = [find("nginx", "nginx-light"), "-e", "stderr", "-p", folder, "-c", settings]
    async with running(command, log, *ports):
        yield
