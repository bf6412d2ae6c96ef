"""The configuration of a command: its option, its reading, and what is said of a bad one."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.terminal import end, fail

if TYPE_CHECKING:
    from gateway.config import FileProblems, Loaded
    from gateway.core.settings import Settings

config_option: Final = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The configuration file.",
)


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Load a configuration, or exit with everything that is wrong with it."""
    return _valid(read_configuration(path, environ))


def load_with_files(path: Path, environ: Mapping[str, str]) -> tuple[Settings, FileProblems]:
    """Load a configuration, and check the files that it names."""
    from gateway.config import check_files

    loaded = read_configuration(path, environ)
    return _valid(loaded), check_files(str(path), loaded.files)


def read_configuration(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read a configuration, valid or not; exit if the file cannot be read."""
    from gateway.config import ConfigUnreadable, load_all

    try:
        return load_all(path, environ)
    except ConfigUnreadable as error:
        fail(str(error))


def key_problems(path: Path, settings: Settings) -> tuple[str, ...]:
    """Return what is wrong with the clients' keys, a line each."""
    clients = settings.clients.values()
    if not any(client.grant.assertion or client.dpop_key for client in clients):
        return ()
    import time

    from gateway.oauth.key_check import check_keys

    return tuple(f"{path}:{line}" for line in check_keys(settings, time.time()))


def _valid(loaded: Loaded) -> Settings:
    if loaded.settings is None:
        end(2, *map(str, loaded.problems))
    return loaded.settings
