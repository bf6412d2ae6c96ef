"""A command, imported once it is called or listed."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
import sys
from errno import ENOSPC
from typing import Any, Final

import click

NAMES: Final = ("run", "check", "reload", "healthy", "token", "explain", "key", "schema", "demo")


class Commands(click.Group):
    """The commands of the gateway, of which only those that are asked for are imported."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; say so if its results cannot be written, as on a full disk."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.filename is not None or error.errno != ENOSPC:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the end would fail once more
            click.echo(f"gateway: standard output: {error.strerror}", err=True)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the same for all
        """Return the names of all commands, as the help lists them."""
        return sorted(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command; None if there is none of that name."""
        match cmd_name:
            case "run" | "demo":
                return _serving(cmd_name)
            case "reload" | "healthy":
                return _asking(cmd_name)
            case "token" | "explain":
                return _examining(cmd_name)
            case "check" | "schema":
                return _of_files(cmd_name)
            case "key":
                from gateway.cli.key_commands import key

                return key
        return None


def _serving(name: str) -> click.Command:
    from gateway.cli.serving_commands import demo, run

    return run if name == "run" else demo


def _asking(name: str) -> click.Command:
    from gateway.cli.running_commands import healthy, reload_

    return healthy if name == "healthy" else reload_


def _examining(name: str) -> click.Command:
    from gateway.cli.doctor_commands import explain, token

    return explain if name == "explain" else token


def _of_files(name: str) -> click.Command:
    from gateway.cli.file_commands import check, schema

    return check if name == "check" else schema
