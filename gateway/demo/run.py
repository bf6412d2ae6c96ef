"""`gateway demo`: an authorization server, a legacy service, and the gateway between them.

Rules:

- The clients' secrets are generated for each run, and reach the gateway as environment variables under the
  names that `gateway.yaml` reads. They are never printed.
- That file is the documented example: it is at the top of the repository, and in this package where that is
  installed (`deploy/wheel.py` puts it there).
- How a gateway is built is not known here, since that is higher in the house: the command line passes it in.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from gateway.core.secret import Secret
from gateway.demo.authorization_server import AuthorizationServerSettings, DemoAuthorizationServer
from gateway.demo.banner import Cast, banner
from gateway.demo.legacy_service import LegacyService
from gateway.demo.narrator import Narrator
from gateway.demo.registrations import Registration
from gateway.demo.serving import DemoServer
from gateway.demo.tokens import TokenFormat
from gateway.observe.fanout import Observer

CLIENTS: Final = {"mobile_android": "DEMO_SECRET", "partner": "PARTNER_SECRET"}
"""Each `client_id`, and the environment variable from which `gateway.yaml` reads its secret."""

_EXAMPLE: Final = "gateway.yaml"

StartGateway = Callable[[Mapping[str, str], Observer], AbstractAsyncContextManager[object]]
"""Runs a gateway with `gateway.yaml` and an environment, and reports to an observer."""


def example_file() -> Path:
    """Return the configuration that the demo runs."""
    here = Path(__file__).resolve().parent
    installed = here / _EXAMPLE
    return installed if installed.is_file() else here.parents[1] / _EXAMPLE


class DemoCannotStart(Exception):
    """A port is in use; the message is one line with its address."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of the demo. The addresses are those in `gateway.yaml`; port 0: any free port.

    Attributes:
        lifetime_s: the lifetime of a token, short enough to watch an early refresh (at four fifths) and an
            expiry.
        configuration: the file that the gateway runs with.
    """

    lifetime_s: int = 15
    token_format: TokenFormat = TokenFormat.JWT
    authorization_server_port: int = 9400
    legacy_service_port: int = 9500
    gateway_url: str = "http://127.0.0.1:8080"
    admin_url: str = "http://127.0.0.1:8079"
    configuration: str = _EXAMPLE


async def run_demo(
    start_gateway: StartGateway, options: DemoOptions, out: TextIO, stopped: asyncio.Event
) -> None:
    """Run everything until `stopped`, and write to `out` what to try and what happens.

    Raises:
        DemoCannotStart: a port is in use.
    """
    environ = {name: secrets.token_urlsafe(24) for name in CLIENTS.values()}
    clients = tuple(Registration(client_id, Secret(environ[name])) for client_id, name in CLIENTS.items())
    # It reads its configuration before anything runs.
    gateway = start_gateway(environ, Narrator(out, time.time))
    async with AsyncExitStack() as stack:
        authorization_server = DemoAuthorizationServer(
            AuthorizationServerSettings(
                clients, options.token_format, options.lifetime_s, options.authorization_server_port
            )
        )
        await _enter(stack, authorization_server, "authorization server")
        legacy_service = LegacyService(authorization_server.book, options.legacy_service_port)
        await _enter(stack, legacy_service, "legacy service")
        await stack.enter_async_context(gateway)
        out.write(banner(_cast(options, authorization_server, legacy_service)))
        out.flush()
        await stopped.wait()


def _cast(
    options: DemoOptions, authorization_server: DemoAuthorizationServer, legacy_service: LegacyService
) -> Cast:
    return Cast(
        gateway=options.gateway_url,
        admin=options.admin_url,
        authorization_server=authorization_server.url,
        legacy_service=legacy_service.url,
        lifetime_s=options.lifetime_s,
        configuration=options.configuration,
    )


async def _enter(stack: AsyncExitStack, server: DemoServer, name: str) -> None:
    try:
        await stack.enter_async_context(server)
    except OSError as error:
        raise DemoCannotStart(f"the demo's {name} cannot listen on {server.url}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "it is refused"
