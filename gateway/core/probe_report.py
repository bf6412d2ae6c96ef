"""The report of `gateway token` as text for a terminal and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gateway.core.json_object import JsonObject
from gateway.core.probe import ProbeReport, TokenShape


def render_json(report: ProbeReport) -> str:
    """Give the report as one JSON object, ASCII only."""
    return json.dumps(as_object(report), indent=2)


def as_object(report: ProbeReport) -> JsonObject:
    """Give the report as a JSON object."""
    token = report.token
    return {
        "client": report.client,
        "token_endpoint": report.token_endpoint,
        "token_endpoint_auth_method": report.method,
        "sent": [list(pair) for pair in report.sent],
        "took_s": round(report.took_s, 3),
        "status": report.status,
        "received": dict(report.received),
        "token": None if token is None else _token_object(token, report.asked_scope),
        "problem": report.problem,
        "error_description": report.description,
        "advice": report.advice,
        "deviations": [{"what": found.what, "hint": found.hint} for found in report.deviations],
    }


def render_text(report: ProbeReport) -> str:
    """Give the report for a terminal, without a final line break."""
    return "\n".join(_lines(report))


def _token_object(token: TokenShape, asked_scope: tuple[str, ...]) -> JsonObject:
    return {
        "fingerprint": token.fingerprint,
        "characters": token.characters,
        "lifetime_s": round(token.lifetime_s, 3),
        "is_lifetime_stated": token.is_lifetime_stated,
        "asked_scope": list(asked_scope),
        "granted_scope": list(token.scope),
        "claims": token.claims,
    }


def _lines(report: ProbeReport) -> Iterator[str]:
    yield f"client {report.client}: POST {report.token_endpoint} ({report.method})"
    yield from (f"  > {name}: {value}" for name, value in report.sent)
    answered = "no answer" if report.status is None else f"status {report.status}"
    yield f"{answered} after {report.took_s * 1000:.0f} ms"
    yield from (f"  < {name}: {value}" for name, value in report.received)
    yield from _token_lines(report.token, report.asked_scope) if report.token else _failure_lines(report)
    for found in report.deviations:
        yield f"deviation: {found.what}"
        yield f"  hint: {found.hint}"


def _token_lines(token: TokenShape, asked_scope: tuple[str, ...]) -> Iterator[str]:
    kind = "opaque" if token.claims is None else "a JWT"
    yield f"token {token.fingerprint}: {kind}, {token.characters} characters"
    source = "as stated" if token.is_lifetime_stated else "default_lifetime, for the answer states none"
    yield f"  lifetime: {token.lifetime_s:g} s ({source})"
    yield f"  scope: {' '.join(token.scope) or 'none'} (asked: {' '.join(asked_scope) or 'none'})"
    for name, value in (token.claims or {}).items():
        yield f"  claim {name}: {value}"


def _failure_lines(report: ProbeReport) -> Iterator[str]:
    yield f"no token: {report.problem}"
    if report.description:
        yield f"  it says: {report.description}"
    if report.advice:
        yield f"  hint: {report.advice}"
