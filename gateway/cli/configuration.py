"""The configuration of a command: its option, its reading, and what is said of a bad one."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

import click

from gateway.cli.terminal import end, fail
from gateway.core.config_place import (
    DEFAULT,
    FILE,
    TEXT,
    ConfigPlace,
    ConfigVariable,
    NoConfigPlace,
    config_place,
)

if TYPE_CHECKING:
    from gateway.config import Loaded
    from gateway.core.settings import Settings
    from gateway.reloading import Reading

Command = TypeVar("Command", bound=Callable[..., object])
_ENV_CONFIG: Final = "gateway.cli.env_config"
_STAYS: Final = (
    "the environment of a running process cannot be read again: this text stays as it was at the start, and "
    "only the files that it refers to were read again: restart the gateway to change it"
)


def config_option(purpose: str = "") -> Callable[[Command], Command]:
    """Return a decorator that adds the options that say where the configuration is, as `config`."""
    of_text = click.option(
        "--env-config",
        is_flag=True,
        is_eager=True,  # known when the other is looked at
        expose_value=False,
        callback=_note_env_config,
        help=f"Read the configuration from the variable {TEXT}, which holds its text.",
    )
    of_file = click.option(
        "-c",
        "--config",
        "config",
        type=click.Path(),
        callback=_place,
        show_default=f"what {TEXT} holds, the file that {FILE} names, or {DEFAULT}",
        help="The configuration file" + (f"; {purpose}." if purpose else "."),
    )
    return lambda command: of_file(of_text(command))


def _note_env_config(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    context.meta[_ENV_CONFIG] = is_given


def _place(context: click.Context, _: click.Parameter, file: str | None) -> ConfigPlace:
    try:
        return config_place(file, context.meta[_ENV_CONFIG], os.environ)
    except NoConfigPlace as wrong:
        raise click.UsageError(str(wrong)) from None


def load_settings(config: ConfigPlace, environ: Mapping[str, str]) -> Settings:
    """Load a configuration, or exit with everything that is wrong with it."""
    return _valid(read_configuration(config, environ))


def read_configuration(config: ConfigPlace, environ: Mapping[str, str]) -> Loaded:
    """Read a configuration, valid or not; exit if the file cannot be read."""
    from gateway.config import ConfigUnreadable, load_all

    try:
        return load_all(config, environ)
    except ConfigUnreadable as error:
        fail(str(error))


def reading(config: ConfigPlace, environ: Mapping[str, str]) -> Reading:
    """Read a configuration to run with, and check what it names; nothing here exits.

    What a client lacks is a warning: it costs only its own tokens, and can be repaired while the others work.
    """
    from dataclasses import replace

    from gateway.config import ConfigUnreadable, check_files, contents_now, load_all, own_contents
    from gateway.config_watch import mount_warnings
    from gateway.core.settings import ReloadTrigger
    from gateway.reloading import Reading

    nothing = Reading(None, file=str(config), contents=own_contents(config, ""))
    try:
        loaded = load_all(config, environ)
    except ConfigUnreadable as error:
        return replace(nothing, problems=(f"gateway: {error}",), status=1)
    nothing = replace(nothing, contents=loaded.contents)
    if loaded.settings is None:
        return replace(nothing, problems=tuple(map(str, loaded.problems)), status=2)
    files = check_files(str(config), loaded.files)
    if files.of_servers:  # watch these too: one that is put right is a reason to read all of it again
        named = contents_now(config, (each.path for each in loaded.files if each.is_read))
        nothing = replace(nothing, contents={**named, **loaded.contents})
        return replace(nothing, problems=tuple(map(str, files.of_servers)), status=1)
    settings = loaded.settings
    found = (*map(str, (*files.of_clients, *files.warnings)), *key_problems(config, settings))
    if settings.reload is ReloadTrigger.WATCH:
        found = (*found, *mount_warnings(loaded.contents))
    digest = "" if has_plain_secrets(settings) else loaded.sha256
    return replace(nothing, settings=settings, warnings=(*settings.warnings, *found), sha256=digest)


def reading_again(config: ConfigPlace, environ: Mapping[str, str]) -> Reading:
    """The same for a reload, which says what it cannot read again."""
    from dataclasses import replace

    again = reading(config, environ)
    if not isinstance(config, ConfigVariable):
        return again
    return replace(again, warnings=(*again.warnings, f"{config}: warning: {_STAYS}"))


def has_plain_secrets(settings: Settings) -> bool:
    """Whether the file itself holds a secret, so that a digest of it would let people guess."""
    from gateway.core.oauth.named_secret import NamedReader

    readers = [
        reader for client in settings.clients.values() for reader in (*client.credentials, client.dpop_key)
    ]
    plain = [each for each in readers if isinstance(each, NamedReader) and each.is_in_place]
    return any(bool(each()) for each in plain)


def key_problems(config: ConfigPlace, settings: Settings) -> tuple[str, ...]:
    """Return what is wrong with the clients' keys, a line each."""
    clients = settings.clients.values()
    if not any(client.grant.assertion or client.dpop_key for client in clients):
        return ()
    import time

    from gateway.oauth.key_check import check_keys

    return tuple(f"{config}:{line}" for line in check_keys(settings, time.time()))


def _valid(loaded: Loaded) -> Settings:
    if loaded.settings is None:
        end(2, *map(str, loaded.problems))
    return loaded.settings
