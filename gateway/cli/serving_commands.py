"""The commands that serve: run, demo."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, load_settings
from gateway.cli.refusals import cannot_start, refuse_unknown_aiohttp
from gateway.cli.serve import serve
from gateway.cli.terminal import fail
from gateway.core.config_place import ConfigPlace

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from gateway.observe.fanout import Observer


@click.command()
@config_option()
def run(config: ConfigPlace) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads the configuration."""
    serve(config)


@click.command()
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="A configuration of your own for the demo's servers.  [default: the demo's]",
)
@click.option("--lifetime", default=15, show_default=True, help="The lifetime of a token, in seconds.")
@click.option("--opaque", is_flag=True, help="Issue opaque tokens instead of JWTs.")
def demo(path: Path | None, lifetime: int, opaque: bool) -> None:
    """Run the gateway between demo servers.

    Starts an authorization server, a legacy service and the gateway between them, and prints commands to try.
    """
    refuse_unknown_aiohttp()
    from dataclasses import replace

    import uvloop

    from gateway.demo.run import DemoCannotStart, DemoOptions, example_file, run_demo
    from gateway.demo.tokens import TokenFormat
    from gateway.observe.line_stream import never_wait_for_readers
    from gateway.observe.log import set_up_logging
    from gateway.server import running, stop_signal
    from gateway.system.hardening import forget_variables, keep_memory_private

    keep_memory_private()
    file = path or example_file()
    never_wait_for_readers("stdout", "stderr")

    def start(environ: Mapping[str, str], observer: Observer) -> AbstractAsyncContextManager[object]:
        settings = load_settings(file, {**os.environ, **environ})
        forget_variables(settings.referenced)
        set_up_logging("error", settings.log.format, sys.stderr)
        # The narrator reports each event already.
        return running(replace(settings, log=replace(settings.log, access=None)), observer)

    async def serve() -> None:
        token_format = TokenFormat.OPAQUE if opaque else TokenFormat.JWT
        options = DemoOptions(lifetime, token_format, configuration=str(file))
        await run_demo(start, options, sys.stdout, stop_signal())

    try:
        uvloop.run(serve())
    except DemoCannotStart as error:
        fail(str(error))
    except OSError as error:
        cannot_start(file, error)
