"""Examine a client: request a token for real, and report what went out, what came back, what to change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from gateway.core.client_settings import AuthMethod, ClientSettings
from gateway.core.clock import Clock
from gateway.core.oauth.token_attempt import Asked
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.secret_shape import oddities
from gateway.doctor.alternatives import alternatives
from gateway.doctor.report import Report
from gateway.doctor.report_build import Examination, make_report
from gateway.oauth.endpoint import TokenEndpoint
from gateway.observe.fanout import Fanout
from gateway.tls.trust import Trust

_SECRET_METHODS: Final = frozenset(
    (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST, AuthMethod.CLIENT_SECRET_JWT)
)


async def examine(
    client: ClientSettings, clock: Clock, fingerprint_key: bytes, *, tries_remedies: bool = True
) -> Report:
    """Request one token for `client` and report on it; raises nothing but cancellation.

    With `tries_remedies`, a client that is refused is tried with other settings (`doctor.alternatives`).
    """
    endpoint = TokenEndpoint(clock, Fanout((), ()), Trust())
    try:
        asked = await endpoint.ask(client)
        # Read now: what the metadata says against an alternative is no objection to the settings.
        facts, looks = endpoint.facts(client), endpoint.looks(client)
        tried = [setting async for setting in _tried(endpoint, client, asked)] if tries_remedies else []
    finally:
        await endpoint.close()
    return make_report(
        Examination(
            client=client,
            hidden=tuple(_readable(client)),
            asked=asked,
            facts=facts,
            looks=looks,
            oddities=tuple(_oddities(client)),
            tried=tuple(setting for setting, _ in tried),
            remedy=next((setting for setting, is_granted in tried if is_granted), ""),
            fingerprint_key=fingerprint_key,
        )
    )


async def _tried(
    endpoint: TokenEndpoint, client: ClientSettings, asked: Asked
) -> AsyncIterator[tuple[str, bool]]:
    """Try other settings in turn until one works; yield each, and whether it worked."""
    last = asked.attempts[-1] if asked.attempts else None
    if last is None or not last.blames_secret:
        return
    for alternative in alternatives(client.grant, last.proof, last.url):
        outcome = await endpoint.fetch(replace(client, grant=alternative.grant))
        yield alternative.setting, isinstance(outcome, Granted)
        if isinstance(outcome, Granted):
            return


def _oddities(client: ClientSettings) -> Iterator[str]:
    if client.grant.method not in _SECRET_METHODS:
        return
    for number, reader in enumerate(client.credentials, 1):
        which = f" {number} of {len(client.credentials)}" if len(client.credentials) > 1 else ""
        with suppress(OSError, ValueError):
            yield from (f"client_secret{which} {odd}" for odd in oddities(reader().reveal()))


def _readable(client: ClientSettings) -> Iterator[Secret]:
    """Yield the stored credentials: even if they are not sent, a server may know and echo them."""
    for reader in (*client.credentials, client.dpop_key):
        try:
            if reader is not None:
                yield reader()
        except (OSError, ValueError):
            continue
