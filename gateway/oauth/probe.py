"""One token request for real, for the operator: what was sent, what came back, what to change."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.core.clock import Clock
from gateway.core.probe import Probe, ProbeReport, make_report
from gateway.core.secret import Secret
from gateway.core.settings import ClientSettings
from gateway.core.token_answer import TokenAnswer
from gateway.core.token_outcome import Failed
from gateway.oauth.endpoint import SECRET_UNREADABLE, TokenEndpoint

NO_SECRET: Final = Secret("")


async def probe(client: ClientSettings, clock: Clock, fingerprint_key: bytes) -> ProbeReport:
    """Ask once for a token of `client` and report on it; raises nothing but cancellation."""
    secret = _read_secret(client)
    began_s = clock.now_s()
    answer = SECRET_UNREADABLE if secret is None else await _ask_once(client, secret, clock)
    took_s = clock.now_s() - began_s
    return make_report(Probe(client, secret or NO_SECRET, answer, took_s, clock.wall_s(), fingerprint_key))


def _read_secret(client: ClientSettings) -> Secret | None:
    try:
        return client.client_secret()
    except (OSError, ValueError):
        return None


async def _ask_once(client: ClientSettings, secret: Secret, clock: Clock) -> TokenAnswer | Failed:
    # The secret is read once, so that what is masked in the report is what was sent.
    endpoint = TokenEndpoint(clock.wall_s)
    try:
        return await endpoint.exchange(replace(client, client_secret=lambda: secret))
    finally:
        await endpoint.close()
