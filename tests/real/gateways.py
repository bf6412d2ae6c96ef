"""The whole gateway in the test's process, from the text of a `gateway.yaml` to its open sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.app import Gateway
from gateway.config import load
from gateway.core.settings.all_settings import Settings
from gateway.observe.fanout import Observer
from tests import ways
from tests.real.upstreams import Handler, NumberedTokens, serving, until

Document = dict[str, object]

ANY_PORT = "127.0.0.1:0"
GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway at work."""

    gateway: Gateway

    @property
    def port(self) -> int:
        return self.gateway.addresses[0].port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tokens(self, client: str) -> int:
        """How many token requests were granted so far."""
        return sum(
            state.requests.granted
            for state in self.gateway.generation.sources.states()
            if state.client == client
        )

    async def has_got(self, client: str, tokens: int) -> None:
        """Wait until so many token requests were granted."""

        async def has_come() -> bool:
            return self.tokens(client) == tokens

        await until(has_come)


def write_configuration(folder: Path, document: Document) -> Path:
    """Write a `gateway.yaml` (JSON is YAML) that listens on any port and keeps no access log."""
    file = folder / "gateway.yaml"
    whole = {"listen": ANY_PORT, "admin": "off", "log": {"access": "off"}} | document
    file.write_text(json.dumps(whole), "utf-8")
    return file


@asynccontextmanager
async def gateway(
    folder: Path,
    document: Document,
    environ: Mapping[str, str] | None = None,
    observer: Observer | None = None,
) -> AsyncIterator[Running]:
    """Run a gateway while the context lasts."""
    async with gateway_of(load(write_configuration(folder, document), environ or {}), observer) as running:
        yield running


@asynccontextmanager
async def gateway_of(settings: Settings, observer: Observer | None = None) -> AsyncIterator[Running]:
    """Run a gateway with these settings while the context lasts."""
    built = Gateway(settings, observer)
    ways.lead(built)
    await built.start()
    try:
        yield Running(built)
    finally:
        await built.close(GRACE_S)


@asynccontextmanager
async def gateway_with_token(folder: Path, handler: Handler, **keys: object) -> AsyncIterator[Running]:
    """Run a gateway that puts access_token_1 before `handler`, until that one is refused."""
    async with serving(handler) as upstream, serving(NumberedTokens()) as authorization_server:
        crm = {
            "token_endpoint": f"http://127.0.0.1:{authorization_server}/token",
            "client_id": "mobile_android",
            "client_secret": "a-secret-of-ours",
        }
        routes = [{"path": "/", "upstream": f"http://127.0.0.1:{upstream}", "client": "crm"}]
        async with gateway(folder, {"clients": {"crm": crm}, "routes": routes} | keys) as running:
            yield running
