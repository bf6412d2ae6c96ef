"""The commands of the doctor: token, explain."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn

import click

from gateway.cli.configuration import config_option, load_settings
from gateway.cli.refusals import refuse_unknown_aiohttp
from gateway.cli.terminal import end, fail, say
from gateway.core.config_place import ConfigPlace

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.doctor.examine import Obtained

_BOUND: Final = "gateway: the token is bound to a key (DPoP): it is of use only with proofs by that key"


@click.command()
@click.argument("client")
@config_option()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--once", is_flag=True, help="If the client is refused, try no other settings.")
@click.option("--raw", is_flag=True, help="Print the token alone, for a script that reads it from a pipe.")
@click.option("--force", is_flag=True, help="With --raw: print the token on a terminal, too.")
def token(  # noqa: PLR0913, PLR0917 - an argument for each option
    client: str, config: ConfigPlace, as_json: bool, once: bool, raw: bool, force: bool
) -> None:
    """Request a token and report what came back.

    Shows what is sent for CLIENT, what the authorization server answers, where it deviates from the RFCs, and
    what to change. The token itself is never shown, unless --raw asks for nothing else.

    If the client is refused, other settings are tried: the other place for its credentials, another audience
    for its assertion. The report names the one that works. With --raw none is tried, and the report goes to
    stderr.
    """
    import asyncio
    import random
    import secrets
    import time

    from gateway.core.clock import Clock
    from gateway.core.settings.client_settings import ClientName
    from gateway.doctor.examine import obtain
    from gateway.doctor.rendering import render_json, render_text

    _refuse_odd_options(as_json, raw, force)
    settings = load_settings(config, os.environ)
    found = settings.clients.get(ClientName(client))
    if found is None:
        known = f"the clients are {', '.join(settings.clients)}" if settings.clients else "none is defined"
        raise click.BadParameter(f"unknown client; {known}", param_hint="CLIENT")
    clock = Clock(time.monotonic, time.time, random.random, time.perf_counter)
    tries_remedies = not (once or raw)
    obtained = asyncio.run(obtain(found, clock, secrets.token_bytes(32), tries_remedies=tries_remedies))
    report = obtained.report
    if raw:
        _print_alone(obtained)
    say(render_json(report) if as_json else render_text(report))
    sys.exit(0 if report.has_token else 1)


def _refuse_odd_options(as_json: bool, raw: bool, force: bool) -> None:
    if force and not raw:
        raise click.UsageError("--force belongs to --raw")
    if raw and as_json:
        raise click.UsageError("--raw prints the token, --json the report: give one of them")
    if raw and not force and sys.stdout.isatty():
        raise click.UsageError(
            "--raw prints the token itself, and stdout is a terminal: pipe it to where it is needed, "
            "or add --force to see it here"
        )


def _print_alone(obtained: Obtained) -> NoReturn:
    """Print the token and nothing else, or on stderr why there is none."""
    from gateway.doctor.rendering import render_text

    if obtained.token is None:
        end(1, render_text(obtained.report))
    if obtained.report.token is not None and obtained.report.token.is_bound:
        click.echo(_BOUND, file=sys.stderr)
    say(obtained.token.reveal())
    sys.exit(0)


@click.command()
@click.argument("method")
@click.argument("url")
@config_option()
@click.option(
    "-H", "--header", "headers", multiple=True, help="A header field of the request: 'Name: value'."
)
@click.option("--from", "origin", metavar="ADDRESS", help="The caller's address: an IP address, or unix.")
@click.option("--listener", metavar="ADDRESS", help="The listener that the request arrives at.")
@click.option(
    "--as",
    "names",
    metavar="CALLER[:ID]",
    multiple=True,
    help="As whom the caller is known.",
)
@click.option("--scope", default="", help="With --as: what the caller was granted.")
@click.option("--claim", "claims", metavar="NAME=VALUE", multiple=True, help="With --as: what else is known.")
@click.option(
    "--at",
    metavar="TIME",
    help="With --as: when, as 2026-11-30T09:00+01:00; without an offset it is UTC.",
)
@click.option("--http1.0", "is_http10", is_flag=True, help="Explain an HTTP/1.0 request.")
def explain(  # noqa: PLR0913, PLR0917 - an argument for each option
    method: str,
    url: str,
    config: ConfigPlace,
    headers: tuple[str, ...],
    origin: str | None,
    listener: str | None,
    names: tuple[str, ...],
    scope: str,
    claims: tuple[str, ...],
    at: str | None,
    is_http10: bool,
) -> None:
    """Show what would happen to a request.

    Shows the route that METHOD URL takes, the URL at the upstream, and the header before and after. Nothing
    is sent.

    METHOD may be in lower case here; in a request, methods are case-sensitive.

    On a route that knows its callers, --as says as whom this one is known, and --at when it calls; what is
    missing is shown.

    The caller is on this machine unless --from says otherwise: that decides whether it is a trusted proxy,
    and whether a web page may have sent the request.
    """
    refuse_unknown_aiohttp()
    import asyncio

    from gateway.core.errors import GatewayError
    from gateway.doctor import explain as doctor
    from gateway.doctor.admittance import UnknownWay, described
    from gateway.doctor.arrival import NoArrival, arrival
    from gateway.proxy.request_reader import read_alone

    settings = load_settings(config, os.environ)
    try:
        arrived = arrival(settings.listeners, url, origin, listener)
        sent = doctor.request_bytes(method.upper(), url, headers, arrived, is_http10=is_http10)
        read = asyncio.run(read_alone(sent, settings.limits))
        asked = doctor.Question(read.method, read.path, read.version, read.raw_headers)
        who = described(names, scope, claims, settings.callers, _instant(at))
        say(doctor.render(doctor.explain(settings, asked, arrived, who)))
    except (NoArrival, UnknownWay) as wrong:
        raise click.UsageError(str(wrong)) from None
    except GatewayError as error:
        fail(f"refused: {error.status} {error.code}: {error.detail}")


def _instant(text: str | None) -> datetime | None:
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            "expected a time such as 2026-11-30T09:00+01:00", param_hint="--at"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
