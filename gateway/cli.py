"""The commands: run, check, token, explain, schema, demo.

Exit status: 0 done; 1 it could not be done (a port taken, a file unreadable, no token); 2 the
configuration or the command line is wrong. Messages for people go to stderr, results to stdout.

Imports stand in the commands: a gateway that runs needs little of what the others need, and pays for
what it imports with idle memory.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gateway import __version__

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from gateway.core.settings import Settings
    from gateway.observe.fanout import Observer

_config = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The configuration file.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """An HTTP gateway that injects OAuth 2.0 access tokens, obtained with its own client credentials."""


@main.command()
@_config
def run(path: Path) -> None:
    """Serve, until SIGTERM or SIGINT."""
    _refuse_unknown_aiohttp()
    from gateway import server
    from gateway.observe.line_stream import never_wait_for_readers
    from gateway.observe.log import set_up_logging

    never_wait_for_readers("stderr")
    settings = _load(path, os.environ)
    _refuse_bad_files(path, settings)
    set_up_logging(settings.log.level, settings.log.format, sys.stderr)
    try:
        server.run(settings, lambda line: click.echo(f"gateway {__version__}: {line}", err=True))
    except (OSError, ssl.SSLError) as error:
        _fail(f"cannot start: {_reason(error)}")


@main.command()
@_config
def check(path: Path) -> None:
    """Check the configuration; tell all problems at once."""
    from gateway.config import plural

    _refuse_unknown_aiohttp()
    settings = _load(path, os.environ, is_counted=True)
    for warning in settings.warnings:
        click.echo(warning, err=True)
    if complaints := [*_check_server_files(settings), *_check_clients(path, settings)]:
        _fail("\n".join(complaints))
    parts = f"{plural(len(settings.routes), 'route')}, {plural(len(settings.clients), 'client')}"
    warnings = f", {plural(len(settings.warnings), 'warning')}" if settings.warnings else ""
    click.echo(f"{path}: good ({parts}){warnings}")


@main.command()
@click.argument("client")
@_config
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@click.option("--once", is_flag=True, help="Where the client is refused, try no other settings.")
def token(client: str, path: Path, as_json: bool, once: bool) -> None:
    """Fetch a token of CLIENT for real, and explain what came back; the token itself is not shown.

    A client that is refused is tried with other settings too (the other place for its credentials, another
    audience of its assertion), and what works is told.
    """
    import random
    import secrets
    import time

    from gateway.core.client_settings import ClientName
    from gateway.core.clock import Clock
    from gateway.core.probe_report import render_json, render_text
    from gateway.oauth.probe import probe

    settings = _load(path, os.environ)
    found = settings.clients.get(ClientName(client))
    if found is None:
        raise click.BadParameter(
            f"no such client; there are: {', '.join(settings.clients)}", param_hint="CLIENT"
        )
    clock = Clock(time.monotonic, time.time, random.random)
    report = asyncio.run(probe(found, clock, secrets.token_bytes(32), tries_remedies=not once))
    click.echo(render_json(report) if as_json else render_text(report))
    sys.exit(0 if report.has_token else 1)


@main.command()
@click.argument("method")
@click.argument("url")
@_config
@click.option("-H", "--header", "headers", multiple=True, help="A field of the request: 'Name: value'.")
def explain(method: str, url: str, path: Path, headers: tuple[str, ...]) -> None:
    """Show which route METHOD URL takes, the upstream's URL, and the header before and after."""
    from gateway.core import explain as core
    from gateway.core.errors import GatewayError

    settings = _load(path, os.environ)
    fields = tuple((name.strip(), value.strip()) for name, _, value in (h.partition(":") for h in headers))
    try:
        click.echo(core.render(core.explain(settings, method.upper(), url, fields)))
    except GatewayError as error:
        _fail(f"refused: {error.status} {error.code}: {error.detail}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of gateway.yaml, for editors."""
    from gateway.config import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@main.command()
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="A configuration of your own, for the same servers.  [default: the demo's]",
)
@click.option("--lifetime", default=15, show_default=True, help="Of a token, in seconds.")
@click.option("--opaque", is_flag=True, help="Issue opaque tokens instead of JWTs.")
def demo(path: Path | None, lifetime: int, opaque: bool) -> None:
    """Run an authorization server, a legacy service, and the gateway between them."""
    _refuse_unknown_aiohttp()
    from dataclasses import replace

    from gateway.demo.run import DemoCannotStart, DemoOptions, example_file, run_demo
    from gateway.demo.tokens import TokenFormat
    from gateway.observe.line_stream import never_wait_for_readers
    from gateway.observe.log import set_up_logging
    from gateway.server import running, stop_signal

    file = path or example_file()
    never_wait_for_readers("stdout", "stderr")

    def start(environ: Mapping[str, str], observer: Observer) -> AbstractAsyncContextManager[object]:
        settings = _load(file, {**os.environ, **environ})
        set_up_logging("error", settings.log.format, sys.stderr)
        # The narrator tells each event already.
        return running(replace(settings, log=replace(settings.log, access=None)), observer)

    async def serve() -> None:
        token_format = TokenFormat.OPAQUE if opaque else TokenFormat.JWT
        options = DemoOptions(lifetime, token_format, configuration=str(file))
        await run_demo(start, options, sys.stdout, stop_signal())

    import uvloop

    try:
        uvloop.run(serve())
    except DemoCannotStart as error:
        _fail(str(error))
    except (OSError, ssl.SSLError) as error:
        _fail(f"cannot start: {_reason(error)}")


def _load(path: Path, environ: Mapping[str, str], *, is_counted: bool = False) -> Settings:
    from gateway.config import ConfigError, ConfigUnreadable, counted, load

    try:
        return load(path, environ)
    except ConfigUnreadable as error:
        _fail(str(error))
    except ConfigError as error:
        click.echo(str(error), err=True)
        if is_counted:
            click.echo(f"{path}: refused ({counted(error.problems)})", err=True)
        sys.exit(2)


def _refuse_unknown_aiohttp() -> None:
    """Before anything of `proxy` is imported, which another release may not even allow."""
    from gateway.seam import refusal

    if complaint := refusal():
        _fail(complaint)


def _refuse_bad_files(path: Path, settings: Settings) -> None:
    """What a client lacks costs its own tokens only, and may be put right while the others work."""
    if complaints := _check_server_files(settings):
        _fail("\n".join(complaints))
    for line in _check_clients(path, settings):
        click.echo(f"gateway: {line}", err=True)


def _check_server_files(settings: Settings) -> tuple[str, ...]:
    from gateway.config import check_server_files

    return check_server_files(settings)


def _check_clients(path: Path, settings: Settings) -> list[str]:
    from gateway.config import check_client_files

    return [f"{path}:{line}" for line in (*check_client_files(settings), *_check_keys(settings))]


def _check_keys(settings: Settings) -> tuple[str, ...]:
    clients = settings.clients.values()
    if not any(client.grant.assertion or client.dpop_key for client in clients):
        return ()
    import time

    from gateway.oauth.key_check import check_keys

    return check_keys(settings, time.time())


def _fail(message: str) -> NoReturn:
    click.echo(f"gateway: {message}", err=True)
    sys.exit(1)


def _reason(error: Exception) -> str:
    """One line without a traceback, which names the address or the file."""
    named = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    return where + " ".join(named.split())
