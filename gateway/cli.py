"""The commands: run, check, token, explain, schema, demo.

Exit status: 0 done; 1 it could not be done (a port taken, a file unreadable, no token); 2 the
configuration or the command line is wrong. Messages for people go to stderr, results to stdout.

Imports stand in the commands: a gateway that runs needs little of what the others need, and pays for
what it imports with idle memory.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import codecs
import io
import json
import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from gateway import __version__

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from gateway.config import FileProblems, Loaded
    from gateway.core.settings import Settings
    from gateway.observe.fanout import Observer

_PLAIN: Final = {"\N{BULLET}": "*", "\N{HORIZONTAL ELLIPSIS}": "..."}

_config = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The configuration file.",
)


def _say_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from gateway.version import version

        click.echo(f"gateway {version()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version, and whether it is compiled.",
)
def main() -> None:
    """An HTTP gateway that injects OAuth 2.0 access tokens, obtained with its own client credentials."""
    _write_what_the_terminal_knows()


@main.command()
@_config
def run(path: Path) -> None:
    """Serve, until SIGTERM or SIGINT."""
    _refuse_unknown_aiohttp()
    from gateway import server
    from gateway.hardening import forget_variables, keep_memory_private
    from gateway.observe.faults import tell_of_what_nobody_catches
    from gateway.observe.line_stream import never_wait_for_readers
    from gateway.observe.log import set_up_logging, tell, warn

    keep_memory_private()
    never_wait_for_readers("stderr")
    settings, files = _load_with_files(path, os.environ)
    if files.of_servers:
        _end(1, *map(str, files.of_servers))
    set_up_logging(settings.log.level, settings.log.format, sys.stderr)
    tell_of_what_nobody_catches()
    if os.environ.get("SSLKEYLOGFILE"):
        warn("SSLKEYLOGFILE is set: the keys of all TLS connections are written to the file that it names")
    forget_variables(settings.referenced)
    # What a client lacks costs its own tokens only, and may be put right while the others work.
    for line in (*map(str, (*files.of_clients, *files.warnings)), *_check_keys(path, settings)):
        warn(line)
    try:
        server.run(settings, lambda line: tell(f"gateway {__version__}: {line}"))
    except (OSError, ssl.SSLError) as error:
        _cannot_start(path, error)


@main.command()
@_config
def check(path: Path) -> None:
    """Check the configuration, and the files that it names; tell all problems at once."""
    from gateway.config import check_files, counted, in_order, plural

    _refuse_unknown_aiohttp()
    loaded = _read(path, os.environ)
    files = check_files(str(path), loaded.files)
    told = in_order((*loaded.problems, *files.of_servers, *files.of_clients, *files.warnings))
    keys = _check_keys(path, loaded.settings) if loaded.settings is not None else ()
    for line in (*map(str, told), *keys):
        click.echo(line, file=sys.stderr)
    if (settings := loaded.settings) is None:
        _end(2, f"{path}: refused ({counted(told)})")
    if files.of_servers or files.of_clients or keys:
        _end(1, f"{path}: good, but what it names cannot be used ({counted(told, len(keys))})")
    parts = f"{plural(len(settings.routes), 'route')}, {plural(len(settings.clients), 'client')}"
    _say(f"{path}: good ({parts})" + (f", {counted(told)}" if told else ""))


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
    from gateway.doctor.examine import examine
    from gateway.doctor.rendering import render_json, render_text

    settings = _load(path, os.environ)
    found = settings.clients.get(ClientName(client))
    if found is None:
        raise click.BadParameter(
            f"no such client; there are: {', '.join(settings.clients)}", param_hint="CLIENT"
        )
    clock = Clock(time.monotonic, time.time, random.random, time.perf_counter)
    report = asyncio.run(examine(found, clock, secrets.token_bytes(32), tries_remedies=not once))
    _say(render_json(report) if as_json else render_text(report))
    sys.exit(0 if report.has_token else 1)


@main.command()
@click.argument("method")
@click.argument("url")
@_config
@click.option("-H", "--header", "headers", multiple=True, help="A field of the request: 'Name: value'.")
@click.option("--from", "origin", metavar="ADDRESS", help="Of the caller: an IP address, or unix.")
@click.option("--listener", metavar="ADDRESS", help="Where it comes in, if there are several.")
@click.option("--http1.0", "is_http10", is_flag=True, help="A request of HTTP/1.0.")
def explain(  # noqa: PLR0913, PLR0917 - an argument for each option
    method: str,
    url: str,
    path: Path,
    headers: tuple[str, ...],
    origin: str | None,
    listener: str | None,
    is_http10: bool,
) -> None:
    """Show which route METHOD URL takes, the upstream's URL, and the header before and after.

    METHOD may be written in lower case, for convenience; on the wire that is another one.

    What is decided by the caller is decided for one on this machine, unless --from tells another one: whether
    it is a trusted proxy, whether a web page may have sent it.
    """
    _refuse_unknown_aiohttp()
    from gateway.core.errors import GatewayError
    from gateway.doctor import explain as doctor
    from gateway.doctor.arrival import NoArrival, arrival
    from gateway.proxy.request_reader import read_alone

    settings = _load(path, os.environ)
    try:
        arrived = arrival(settings.listeners, url, origin, listener)
        sent = doctor.request_bytes(method.upper(), url, headers, arrived, is_http10=is_http10)
        read = asyncio.run(read_alone(sent, settings.limits))
        asked = doctor.Question(read.method, read.path, read.version, read.raw_headers)
        _say(doctor.render(doctor.explain(settings, asked, arrived)))
    except NoArrival as wrong:
        raise click.UsageError(str(wrong)) from None
    except GatewayError as error:
        _fail(f"refused: {error.status} {error.code}: {error.detail}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of gateway.yaml, for editors."""
    from gateway.config import json_schema

    _say(json.dumps(json_schema(), indent=2))


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
    from gateway.hardening import forget_variables, keep_memory_private
    from gateway.observe.line_stream import never_wait_for_readers
    from gateway.observe.log import set_up_logging
    from gateway.server import running, stop_signal

    keep_memory_private()
    file = path or example_file()
    never_wait_for_readers("stdout", "stderr")

    def start(environ: Mapping[str, str], observer: Observer) -> AbstractAsyncContextManager[object]:
        settings = _load(file, {**os.environ, **environ})
        forget_variables(settings.referenced)
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
        _cannot_start(file, error)


def _say(text: str) -> None:
    # To the stream as it is: one whose code is ASCII would be taken for UTF-8 by click.
    click.echo(text, file=sys.stdout)


def _write_what_the_terminal_knows() -> None:
    """Write plain characters where the output's code lacks the others, instead of failing on them."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char, "?") for char in lacking), error.end


def _load(path: Path, environ: Mapping[str, str]) -> Settings:
    return _good(_read(path, environ))


def _load_with_files(path: Path, environ: Mapping[str, str]) -> tuple[Settings, FileProblems]:
    from gateway.config import check_files

    loaded = _read(path, environ)
    return _good(loaded), check_files(str(path), loaded.files)


def _read(path: Path, environ: Mapping[str, str]) -> Loaded:
    from gateway.config import ConfigUnreadable, load_all

    try:
        return load_all(path, environ)
    except ConfigUnreadable as error:
        _fail(str(error))


def _good(loaded: Loaded) -> Settings:
    if loaded.settings is None:
        _end(2, *map(str, loaded.problems))
    return loaded.settings


def _refuse_unknown_aiohttp() -> None:
    """Before anything of `proxy` is imported, which another release may not even allow."""
    from gateway.seam import refusal

    if complaint := refusal():
        _fail(complaint)


def _check_keys(path: Path, settings: Settings) -> tuple[str, ...]:
    clients = settings.clients.values()
    if not any(client.grant.assertion or client.dpop_key for client in clients):
        return ()
    import time

    from gateway.oauth.key_check import check_keys

    return tuple(f"{path}:{line}" for line in check_keys(settings, time.time()))


def _end(status: int, *lines: str) -> NoReturn:
    """Say why, each line as it stands: editors parse those that begin with a file, a line and a column."""
    for line in lines:
        click.echo(line, file=sys.stderr)
    sys.exit(status)


def _fail(message: str) -> NoReturn:
    _end(1, f"gateway: {message}")


def _cannot_start(path: Path, error: Exception) -> NoReturn:
    from gateway.listening import CannotListen

    if isinstance(error, CannotListen) and error.place[0].isdigit():
        _end(1, f"{path}:{error}")
    _fail(f"cannot start: {_reason(error)}")


def _reason(error: Exception) -> str:
    """One line without a traceback, which names the address or the file."""
    named = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    return where + " ".join(named.split())
