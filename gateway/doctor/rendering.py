"""The report of `gateway token` as text for a terminal and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gateway.core.text.json_object import JsonObject
from gateway.doctor.report import AttemptShape, LookShape, Report, TokenShape


def render_json(report: Report) -> str:
    """Render the report as one JSON object, in ASCII."""
    return json.dumps(as_object(report), indent=2)


def as_object(report: Report) -> JsonObject:
    """Return the report as a JSON object; ``status`` is that of the last attempt."""
    token, last = report.token, report.attempts[-1] if report.attempts else None
    return {
        "client": report.client,
        "issuer": report.issuer or None,
        "token_endpoint": None if last is None else last.url,
        "token_endpoint_auth_method": report.method,
        "discovery": [_look_object(look) for look in report.looks],
        "attempts": [_attempt_object(attempt) for attempt in report.attempts],
        "status": None if last is None else last.status,
        "secret": last.secret if last is not None and report.has_token else None,
        "secrets": report.secrets,
        "secret_names": list(report.secret_names),
        "token": None if token is None else _token_object(token, report.asked_scope),
        "problem": report.problem,
        "cause": report.cause or None,
        "key": report.key or None,
        "error_description": report.description,
        "advice": report.advice,
        "secret_oddities": list(report.oddities),
        "tried": list(report.tried),
        "remedy": report.remedy or None,
        "deviations": [{"what": found.what, "hint": found.hint} for found in report.deviations],
        "metadata_objections": list(report.objections),
    }


def render_text(report: Report) -> str:
    """Render the report for a terminal, without a final line break."""
    return "\n".join(_lines(report))


def _look_object(look: LookShape) -> JsonObject:
    return {
        "url": look.url,
        "status": look.status,
        "problem": look.problem or None,
        "said_issuer": look.said_issuer or None,
    }


def _attempt_object(attempt: AttemptShape) -> JsonObject:
    return {
        "url": attempt.url,
        "method": attempt.verb,
        "step": attempt.step,
        "steps": attempt.steps,
        "secret": attempt.secret,
        "sent": [list(pair) for pair in attempt.sent],
        "status": attempt.status,
        "received": dict(attempt.received),
        "took_s": round(attempt.took_s, 3),
        "not_found": list(attempt.missing),
    }


def _token_object(token: TokenShape, asked_scope: tuple[str, ...]) -> JsonObject:
    return {
        "fingerprint": token.fingerprint,
        "characters": token.characters,
        "is_bound": token.is_bound,
        "lifetime_s": round(token.lifetime_s, 3),
        "is_lifetime_stated": token.is_lifetime_stated,
        "asked_scope": list(asked_scope),
        "granted_scope": list(token.scope),
        "claims": token.claims,
    }


def _lines(report: Report) -> Iterator[str]:
    yield f"client {report.client} ({report.method})"
    if report.secrets > 1:
        yield from (f"  {name}" for name in report.secret_names)
    yield from _discovery_lines(report)
    for attempt in report.attempts:
        yield from _attempt_lines(attempt, report.secrets)
    yield from _token_lines(report.token, report.asked_scope) if report.token else _failure_lines(report)
    for found in report.deviations:
        yield f"deviation: {found.what}"
        yield f"  hint: {found.hint}"


def _discovery_lines(report: Report) -> Iterator[str]:
    for look in report.looks:
        said = "no response" if look.status is None else f"status {look.status}"
        yield f"GET {look.url}: {said}{', ' + look.problem if look.problem else ''}"
        if look.said_issuer:
            yield f"  it names another issuer: {look.said_issuer}"
            yield f"  hint: if that is the right one, write issuer: {look.said_issuer}"
    yield from (f"metadata: {objection}" for objection in report.objections)


def _attempt_lines(attempt: AttemptShape, secrets: int) -> Iterator[str]:
    which = f" (secret {attempt.secret} of {secrets})" if secrets > 1 else ""
    step = f"step {attempt.step} of {attempt.steps}: " if attempt.steps > 1 else ""
    yield f"{step}{attempt.verb} {attempt.url}{which}"
    yield from (f"  > {name}: {value}" for name, value in attempt.sent)
    answered = f"status {attempt.status}" if attempt.status is not None else _unanswered(attempt)
    yield f"{answered} after {attempt.took_s * 1000:.0f} ms"
    yield from (f"  < {name}: {value}" for name, value in attempt.received)
    yield from (f"  ! {nothing}" for nothing in attempt.missing)


def _unanswered(attempt: AttemptShape) -> str:
    return "no response" if attempt.sent else "no connection, nothing sent,"


def _token_lines(token: TokenShape, asked_scope: tuple[str, ...]) -> Iterator[str]:
    kind = "opaque" if token.claims is None else "a JWT"
    bound = ", bound to our key" if token.is_bound else ""
    yield f"token {token.fingerprint}: {kind}, {token.characters} characters{bound}"
    source = "as stated" if token.is_lifetime_stated else "default_lifetime: the response states none"
    yield f"  lifetime: {token.lifetime_s:g} s ({source})"
    yield f"  scope: {' '.join(token.scope) or 'none'} (requested: {' '.join(asked_scope) or 'none'})"
    for name, value in (token.claims or {}).items():
        yield f"  claim {name}: {value}"


def _failure_lines(report: Report) -> Iterator[str]:
    yield f"no token: {report.problem}"
    if report.key and not report.remedy:
        yield f"  look at: {report.key} ({report.cause})"
    if report.description:
        yield f"  the server says: {report.description}"
    for setting in report.tried:
        outcome = "accepted; write this in gateway.yaml" if setting == report.remedy else "also refused"
        yield f"  tried {setting}: {outcome}"
    yield from (f"  hint: {oddity}" for oddity in report.oddities)
    if report.advice and not report.remedy:
        yield f"  hint: {report.advice}"
