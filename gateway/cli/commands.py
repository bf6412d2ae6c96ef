"""The command line, as click reads it."""

from __future__ import annotations

import click

from gateway.cli.called import Commands
from gateway.cli.standard_descriptors import fill_standard_descriptors
from gateway.cli.terminal import write_what_the_terminal_knows


def _say_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from gateway.version import version  # noqa: PLC0415 - as `gateway.cli` says

        click.echo(f"gateway {version()}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
    fill_standard_descriptors()
    write_what_the_terminal_knows()
