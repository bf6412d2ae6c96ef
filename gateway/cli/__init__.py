"""The commands: run, check, reload, healthy, token, explain, key, schema, demo.

Exit status: 0 done; 1 it could not be done (a port taken, a file unreadable, no token); 2 the configuration
or the command line is wrong. Messages for people go to stderr, results to stdout.

Imports stand inside the commands, and a command itself is imported once it is called (`called`): a gateway
that runs needs little of what the others need, and would pay for it with idle memory; a health check, with
the time of its start.
"""

from __future__ import annotations

import click

from gateway.cli.called import Commands
from gateway.cli.standard_descriptors import fill_standard_descriptors
from gateway.cli.terminal import write_what_the_terminal_knows


def _say_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from gateway.version import version  # noqa: PLC0415 - see above

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
