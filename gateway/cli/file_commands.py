"""The commands about the file alone: check, schema."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

import click

from gateway.cli.configuration import config_option, read_configuration
from gateway.cli.refusals import refuse_unknown_aiohttp
from gateway.cli.terminal import end, say
from gateway.core.config_place import ConfigPlace
from gateway.core.settings.all_settings import Settings


@click.command()
@config_option()
def check(config: ConfigPlace) -> None:
    """Check the configuration and its files.

    Reports every problem, with line and column. Exits with 2 if the configuration is invalid, with 1 if a
    file or key that it names cannot be used.
    """
    from gateway.config import check_files, counted, in_order, plural
    from gateway.config_reading import identity_key_problems, key_problems

    refuse_unknown_aiohttp()
    loaded = read_configuration(config, os.environ)
    files = check_files(str(config), loaded.files)
    told = in_order((*loaded.problems, *files.of_servers, *files.of_clients, *files.warnings))
    keys: tuple[str, ...] = ()
    if loaded.settings is not None:
        keys = (*key_problems(config, loaded.settings), *identity_key_problems(config, loaded.settings))
    for line in (*map(str, told), *keys):
        click.echo(line, file=sys.stderr)
    if (settings := loaded.settings) is None:
        end(2, f"{config}: invalid ({counted(told)})")
    if files.of_servers or files.of_clients or keys:
        end(1, f"{config}: valid, but what it names cannot be used ({counted(told, len(keys))})")
    parts = f"{plural(len(settings.routes), 'route')}, {plural(len(settings.clients), 'client')}"
    parts += _workers(settings)
    say(f"{config}: valid ({parts})" + (f", {counted(told)}" if told else ""))
    for line in _rules(settings):
        say(line)


def _rules(settings: Settings) -> Iterator[str]:
    """Yield what stands before each route; nothing where it is the same for all, and open."""
    from gateway.core.access.rule_words import gate_words, limit_words, signed_words

    if all(route.gate.is_open for route in settings.routes):
        return
    for route in settings.routes:
        limits = (limit_words(each) for each in route.gate.limits)
        yield f"  {route.name}: {'; '.join((gate_words(route.gate), *limits, *signed_words(route.gate)))}"


def _workers(settings: Settings) -> str:
    """Say what each of several workers may hold."""
    from gateway.config import written
    from gateway.core.crew.shares import share_of
    from gateway.crew.cgroup import automatic_workers

    if settings.workers == 1:
        return ""
    workers = settings.workers or automatic_workers()
    share = share_of(settings.limits, workers)
    here = "" if settings.workers else " here"
    of_each = f"{written(share.buffers_bytes)} of buffers, {written(share.replay_total_bytes)} of replays"
    return f"; {workers} workers{here}, each with {share.connections} connections, {of_each}"


@click.command()
def schema() -> None:
    """Print the JSON Schema of gateway.yaml, for editors."""
    from gateway.config import json_schema

    say(json.dumps(json_schema(), indent=2))
