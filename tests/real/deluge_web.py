"""Deluge's web interface: JSON-RPC over HTTP, a login in JSON, a session cookie that it renews, errors with 200.

Run as a program it is `deluge-web`, with one difference. To find plugins, Deluge imports `pkg_resources`, which
setuptools no longer has; here it finds none. Who uses this skips where Deluge is not installed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.real.programs import free_port, running

PASSWORD = "deluge"
"""The one that it comes with."""


def call(method: str, *params: object) -> bytes:
    """The body of a call."""
    return json.dumps({"method": method, "params": params, "id": 1}).encode()


@asynccontextmanager
async def deluge_web(folder: Path) -> AsyncIterator[str]:
    """Run it while the context lasts; give its URL."""
    pytest.importorskip("deluge", reason="Deluge is not installed (pip install deluge)")
    port = free_port()
    options = ("--do-not-daemonize", "-c", folder / "deluge", "-i", "127.0.0.1", "-p", str(port))
    async with running([sys.executable, "-m", "tests.real.deluge_web", *options], folder / "log", port):
        yield f"http://127.0.0.1:{port}"


def _without_plugins() -> ModuleType:
    module = ModuleType("pkg_resources")
    module.working_set = SimpleNamespace(add_entry=lambda _: None)  # type: ignore[attr-defined]
    module.Environment = lambda *_, **__: {}  # type: ignore[attr-defined]
    return module


if __name__ == "__main__":
    sys.modules["pkg_resources"] = _without_plugins()
    from deluge.ui.web import start

    start()
