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
    NoConfigPlace,
    config_place,
)

if TYPE_CHECKING:
    from gateway.config import Loaded
    from gateway.core.settings.all_settings import Settings

Command = TypeVar("Command", bound=Callable[..., object])
_ENV_CONFIG: Final = "gateway.cli.env_config"


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
        type=click.Path(readable=False),  # its reader says what is wrong, with the status that is due
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


def _valid(loaded: Loaded) -> Settings:
    if loaded.settings is None:
        end(2, *map(str, loaded.problems))
    return loaded.settings
