"""The commands about API keys: key new."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import sys

import click

from gateway.cli.terminal import end, say


@click.group()
def key() -> None:
    """Make API keys for callers."""


@key.command("new")
@click.argument("name")
@click.option("--scope", default="", help="What the caller may do: words separated by spaces.")
@click.option("--expires", default="", help="When the key ends: a date such as 2027-01-01, or an instant.")
def new(name: str, scope: str, expires: str) -> None:
    """Make a key for the caller NAME.

    Prints the table for the file of keys, which holds no secret, and on standard error the key, once.
    """
    import secrets

    from gateway.core.access.api_keys import BadKeys, entry_for, new_key

    made = new_key(secrets.token_urlsafe)
    try:
        entry = entry_for(made, name, scope, expires)
    except BadKeys as bad:
        end(2, f"gateway: {str(bad).removeprefix('key 1 ')}")
    say(entry)
    click.echo(f"The key for {name}, shown only now: {made}", file=sys.stderr)
