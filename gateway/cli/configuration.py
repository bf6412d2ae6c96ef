"""The configuration of a command: its option, its reading, and what is said of a bad one."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.terminal import end, fail

if TYPE_CHECKING:
    from gateway.config import Loaded
    from gateway.core.settings import Settings
    from gateway.reloading import Reading

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


def read_configuration(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read a configuration, valid or not; exit if the file cannot be read."""
    from gateway.config import ConfigUnreadable, load_all

    try:
        return load_all(path, environ)
    except ConfigUnreadable as error:
        fail(str(error))


def reading(path: Path, environ: Mapping[str, str]) -> Reading:
    """Read a configuration to run with, and check what it names; nothing here exits.

    What a client lacks is a warning: it costs only its own tokens, and can be repaired while the others work.
    """
    from dataclasses import replace

    from gateway.config import ConfigUnreadable, check_files, contents_now, load_all
    from gateway.config_watch import mount_warnings
    from gateway.core.settings import ReloadTrigger
    from gateway.reloading import Reading

    nothing = Reading(None, file=str(path), contents={str(path): ""})
    try:
        loaded = load_all(path, environ)
    except ConfigUnreadable as error:
        return replace(nothing, problems=(f"gateway: {error}",), status=1)
    nothing = replace(nothing, contents=loaded.contents)
    if loaded.settings is None:
        return replace(nothing, problems=tuple(map(str, loaded.problems)), status=2)
    files = check_files(str(path), loaded.files)
    if files.of_servers:  # watch these too: one that is put right is a reason to read all of it again
        named = contents_now(path, (each.path for each in loaded.files if each.is_read))
        nothing = replace(nothing, contents={**named, **loaded.contents})
        return replace(nothing, problems=tuple(map(str, files.of_servers)), status=1)
    settings = loaded.settings
    found = (*map(str, (*files.of_clients, *files.warnings)), *key_problems(path, settings))
    if settings.reload is ReloadTrigger.WATCH:
        found = (*found, *mount_warnings(loaded.contents))
    digest = "" if has_plain_secrets(settings) else loaded.sha256
    return replace(nothing, settings=settings, warnings=(*settings.warnings, *found), sha256=digest)


def has_plain_secrets(settings: Settings) -> bool:
    """Whether the file itself holds a secret, so that a digest of it would let people guess."""
    from gateway.core.oauth.named_secret import NamedReader

    readers = [
        reader for client in settings.clients.values() for reader in (*client.credentials, client.dpop_key)
    ]
    plain = [each for each in readers if isinstance(each, NamedReader) and each.is_in_place]
    return any(bool(each()) for each in plain)


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
