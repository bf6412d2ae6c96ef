"""A route's rule in words, for whoever wants to know what it lets in."""

from __future__ import annotations

from gateway.core.settings.access_settings import AccessEntry, AccessRule, GateSettings, InFlightLimit, Limit


def gate_words(gate: GateSettings) -> str:
    """Say who may use a route."""
    return "anyone" if gate.rule is None else rule_words(gate.rule)


def rule_words(rule: AccessRule) -> str:
    """Say whom a rule lets in: ``staff with scope crm.read, or partner and office``."""
    return ", or ".join(map(entry_words, rule.entries))


def entry_words(entry: AccessEntry) -> str:
    """Say whom one entry lets in."""
    conditions = [f"scope {' '.join(sorted(entry.scope))}"] if entry.scope else []
    conditions += [f"{name} {' or '.join(map(_shown, values))}" for name, values in entry.claims]
    known = " and ".join(entry.callers)
    who = f"{known} with {' and '.join(conditions)}" if conditions else known
    return who if entry.hours is None else f"{who}, {entry.hours}"


def limit_words(limit: Limit) -> str:
    """Say what a limit allows."""
    if isinstance(limit, InFlightLimit):
        return f"{limit.name}: {limit.most} in flight by {limit.by.value}"
    burst = f", {limit.burst} at once" if limit.burst != limit.count else ""
    return f"{limit.name}: {limit.count} in {limit.period_s:g} s by {limit.by.value}{burst}"


def signed_words(gate: GateSettings) -> tuple[str, ...]:
    """Say what is signed for the upstream, if anything is: ``signed for orders in X-Caller-Jwt``."""
    jwt = gate.identity_jwt
    return () if jwt is None else (f"signed for {' and '.join(jwt.audience)} in {jwt.header}",)


def _shown(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
