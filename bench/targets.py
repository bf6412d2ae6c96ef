"""What the gateway has promised, and whether a run has kept it; pure."""

from __future__ import annotations

import dataclasses

from bench import figures
from bench.plan import MIB
from bench.results import Behaviour, Case, Results, Way

CPU_RATIO = 0.80
CPU_LOGGED_RATIO = 0.90
SINGLE_P50_RATIO = 1.00
TRANSFER_RATIO = 1.5
GROWTH_BYTES = 16 * MIB
READY_S = 1.0
EXPIRING_TOKENS_PER_S = 12 / 20
DENIED_WINDOW_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """One target; `is_met` is None where it was not measured."""

    what: str
    target: str
    measured: str
    is_met: bool | None


def judge(results: Results) -> list[Verdict]:
    """Return a verdict for every target."""
    return [
        _cpu(results, "gateway", "envoy", CPU_RATIO, "CPU per request"),
        _cpu(results, "gateway-log", "envoy-log", CPU_LOGGED_RATIO, "CPU per request, access log on"),
        _single_p50(results),
        _no_failures(results),
        *(_transfer(results, way) for way in (Way.DOWNLOAD, Way.UPLOAD)),
        _growth(results),
        _idle(results),
        _ready(results),
        _cold(figures.behaviour(results, Case.COLD)),
        _expiring(figures.behaviour(results, Case.EXPIRING)),
        _denied(figures.behaviour(results, Case.DENIED)),
    ]


def _cpu(results: Results, ours: str, rival: str, limit: float, what: str) -> Verdict:
    value = figures.ratio(
        figures.load_rounds(results, ours, lambda load: load.cpu_us),
        figures.load_rounds(results, rival, lambda load: load.cpu_us),
    )
    return _at_most(what, value, limit)


def _single_p50(results: Results) -> Verdict:
    value = figures.ratio(
        figures.load_rounds(results, "gateway", lambda load: load.single_p50_us),
        figures.load_rounds(results, "envoy", lambda load: load.single_p50_us),
    )
    return _at_most("p50 at one connection", value, SINGLE_P50_RATIO)


def _transfer(results: Results, way: Way) -> Verdict:
    value = figures.ratio(
        figures.cpu_rounds(results, "gateway", way), figures.cpu_rounds(results, "envoy", way)
    )
    return _at_most(f"CPU per byte, {way}", value, TRANSFER_RATIO)


def _at_most(what: str, value: float | None, limit: float) -> Verdict:
    target = f"at most {limit:.2f} of Envoy's"
    if value is None:
        return _unmeasured(what, target)
    return Verdict(what, target, f"{value:.2f}", value <= limit)


def _no_failures(results: Results) -> Verdict:
    what, target = "requests under load", "0 failures"
    if not any(load.contestant.startswith("gateway") for load in results.loads):
        return _unmeasured(what, target)
    failed = figures.failures(results, "gateway") + figures.failures(results, "gateway-log")
    return Verdict(what, target, f"{failed} failures", failed == 0)


def _growth(results: Results) -> Verdict:
    what, target = (
        "memory during large bodies, slow readers too",
        f"grows by at most {GROWTH_BYTES // MIB} MiB",
    )
    grown = figures.growth_bytes(results, "gateway")
    if grown is None:
        return _unmeasured(what, target)
    return Verdict(what, target, f"{grown / MIB:.1f} MiB", grown <= GROWTH_BYTES)


def _idle(results: Results) -> Verdict:
    what, target = "idle memory", "below Envoy's"
    ours, rival = figures.memory(results, "gateway"), figures.memory(results, "envoy")
    if ours is None or rival is None:
        return _unmeasured(what, target)
    measured = f"{ours.idle_bytes / MIB:.1f} MiB, Envoy {rival.idle_bytes / MIB:.1f} MiB"
    return Verdict(what, target, measured, ours.idle_bytes < rival.idle_bytes)


def _ready(results: Results) -> Verdict:
    what, target = "start to ready", f"below {READY_S:g} s"
    ready_s = figures.median(figures.start_rounds(results, "gateway"))
    if ready_s is None:
        return _unmeasured(what, target)
    return Verdict(what, target, f"{ready_s:.2f} s", ready_s < READY_S)


def _cold(figure: Behaviour | None) -> Verdict:
    what, target = "many callers at once, cold", "1 token request, 0 failures"
    if figure is None:
        return _unmeasured(what, target)
    return Verdict(what, target, _counted(figure), figure.token_requests == 1 and figure.failures == 0)


def _expiring(figure: Behaviour | None) -> Verdict:
    what = "token expiring every 2 s under load"
    if figure is None:
        return _unmeasured(what, "0 failures, at most 12 token requests in 20 s")
    allowed = round(EXPIRING_TOKENS_PER_S * figure.seconds)
    target = f"0 failures, at most {allowed} token requests in {figure.seconds:.0f} s"
    return Verdict(what, target, _counted(figure), figure.token_requests <= allowed and figure.failures == 0)


def _denied(figure: Behaviour | None) -> Verdict:
    what, target = "an upstream that always says 401", "the first recovery, then 1 token request per 30 s"
    if figure is None:
        return _unmeasured(what, target)
    allowed = 1 + int(figure.seconds / DENIED_WINDOW_S)
    return Verdict(what, target, _counted(figure), figure.token_requests <= allowed and figure.failures == 0)


def _counted(figure: Behaviour) -> str:
    tokens = "token request" if figure.token_requests == 1 else "token requests"
    return f"{figure.token_requests} {tokens}, {figure.failures} failures of {figure.requests}"


def _unmeasured(what: str, target: str) -> Verdict:
    return Verdict(what, target, "not measured", None)
