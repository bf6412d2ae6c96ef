"""The commands of the doctor: token, explain."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
import sys

import click

from gateway.cli.configuration import config_option, load_settings
from gateway.cli.refusals import refuse_unknown_aiohttp
from gateway.cli.terminal import fail, say
from gateway.core.config_place import ConfigPlace


@click.command()
@click.argument("client")
@config_option()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--once", is_flag=True, help="If the client is refused, try no other settings.")
def token(client: str, config: ConfigPlace, as_json: bool, once: bool) -> None:
    """Request a token and report what came back.

    Shows what is sent for CLIENT, what the authorization server answers, where it deviates from the RFCs, and
    what to change. The token itself is never shown.

    If the client is refused, other settings are tried: the other place for its credentials, another audience
    for its assertion. The report names the one that works.
    """
    import asyncio
    import random
    import secrets
    import time

    from gateway.core.client_settings import ClientName
    from gateway.core.clock import Clock
    from gateway.doctor.examine import examine
    from gateway.doctor.rendering import render_json, render_text

    settings = load_settings(config, os.environ)
    found = settings.clients.get(ClientName(client))
    if found is None:
        known = f"the clients are {', '.join(settings.clients)}" if settings.clients else "none is defined"
        raise click.BadParameter(f"unknown client; {known}", param_hint="CLIENT")
    clock = Clock(time.monotonic, time.time, random.random, time.perf_counter)
    report = asyncio.run(examine(found, clock, secrets.token_bytes(32), tries_remedies=not once))
    say(render_json(report) if as_json else render_text(report))
    sys.exit(0 if report.has_token else 1)


@click.command()
@click.argument("method")
@click.argument("url")
@config_option()
@click.option(
    "-H", "--header", "headers", multiple=True, help="A header field of the request: 'Name: value'."
)
@click.option("--from", "origin", metavar="ADDRESS", help="The caller's address: an IP address, or unix.")
@click.option("--listener", metavar="ADDRESS", help="The listener that the request arrives at.")
@click.option("--http1.0", "is_http10", is_flag=True, help="Explain an HTTP/1.0 request.")
def explain(  # noqa: PLR0913, PLR0917 - an argument for each option
    method: str,
    url: str,
    config: ConfigPlace,
    headers: tuple[str, ...],
    origin: str | None,
    listener: str | None,
    is_http10: bool,
) -> None:
    """Show what would happen to a request.

    Shows the route that METHOD URL takes, the URL at the upstream, and the header before and after. Nothing
    is sent.

    METHOD may be in lower case here; in a request, methods are case-sensitive.

    The caller is on this machine unless --from says otherwise: that decides whether it is a trusted proxy,
    and whether a web page may have sent the request.
    """
    refuse_unknown_aiohttp()
    import asyncio

    from gateway.core.errors import GatewayError
    from gateway.doctor import explain as doctor
    from gateway.doctor.arrival import NoArrival, arrival
    from gateway.proxy.request_reader import read_alone

    settings = load_settings(config, os.environ)
    try:
        arrived = arrival(settings.listeners, url, origin, listener)
        sent = doctor.request_bytes(method.upper(), url, headers, arrived, is_http10=is_http10)
        read = asyncio.run(read_alone(sent, settings.limits))
        asked = doctor.Question(read.method, read.path, read.version, read.raw_headers)
        say(doctor.render(doctor.explain(settings, asked, arrived)))
    except NoArrival as wrong:
        raise click.UsageError(str(wrong)) from None
    except GatewayError as error:
        fail(f"refused: {error.status} {error.code}: {error.detail}")
