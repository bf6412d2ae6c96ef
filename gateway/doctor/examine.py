"""Examine a client: request a token for real, and report what went out, what came back, what to change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.core.clock import Clock
from gateway.core.oauth.token_attempt import Asked
from gateway.core.oauth.token_outcome import Failed, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientSettings
from gateway.doctor.report import Report
from gateway.doctor.report_build import Examination, make_report
from gateway.oauth.maker import ExaminedMaker
from gateway.oauth.makers import Makers
from gateway.observe.fanout import Fanout
from gateway.tls.trust import Trust


@dataclass(frozen=True, slots=True)
class Obtained:
    """The report on one token request, and the token itself; None if there is none."""

    report: Report
    token: Secret | None


async def examine(
    client: ClientSettings, clock: Clock, fingerprint_key: bytes, *, tries_remedies: bool = True
) -> Report:
    """Request one token for `client` and report on it; raises nothing but cancellation.

    With `tries_remedies`, a client that is refused is tried with other settings, if its maker knows any.
    """
    return (await obtain(client, clock, fingerprint_key, tries_remedies=tries_remedies)).report


async def obtain(
    client: ClientSettings, clock: Clock, fingerprint_key: bytes, *, tries_remedies: bool = False
) -> Obtained:
    """Request one token for who wants to have it, too; raises nothing but cancellation.

    With `tries_remedies`, a client that is refused is tried with other settings, if its maker knows any.
    """
    makers = Makers(clock, Fanout((), ()), Trust())
    maker = makers.of(client)
    try:
        asked = await maker.ask()
        # Read now: what the metadata says against an alternative is no objection to the settings.
        facts, looks = maker.facts(), maker.looks()
        tried = [setting async for setting in _tried(maker, asked)] if tries_remedies else []
    finally:
        await makers.close()
    report = make_report(
        Examination(
            client=client,
            witness=maker.witness(),
            asked=asked,
            facts=facts,
            looks=looks,
            tried=tuple(setting for setting, _ in tried),
            remedy=next((setting for setting, is_granted in tried if is_granted), ""),
            key=maker.key_of(asked.outcome) if isinstance(asked.outcome, Failed) else "",
            fingerprint_key=fingerprint_key,
        )
    )
    return Obtained(report, asked.outcome.access_token if isinstance(asked.outcome, Granted) else None)


async def _tried(maker: ExaminedMaker, asked: Asked) -> AsyncIterator[tuple[str, bool]]:
    """Try other settings in turn until one works; yield each, and whether it worked."""
    for setting, other in maker.alternatives(asked):
        outcome = await other.make()
        yield setting, isinstance(outcome, Granted)
        if isinstance(outcome, Granted):
            return
