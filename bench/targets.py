"""What the gateway has promised, and whether a run has kept it; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from bench import figures
from bench.plan import MIB
from bench.results import Behaviour, Calm, Case, Results, Way
from bench.scenarios import BROWSER, LOG, PLAIN, TLS_UPSTREAM, Scenario

SINGLE_P50_RATIO = 1.00
TRANSFER_RATIO = 1.5
GROWTH_BYTES = 16 * MIB
IDLE_BYTES = 45 * MIB
READY_S = 1.0
WAKE_UPS_PER_S = 2.0
EXPIRING_TOKENS_PER_S = 12 / 20
DENIED_WINDOW_S = 30.0
WAYS = {"gateway-compiled": "compiled", "gateway": "pure Python"}
"""Both ways of the gateway: what each is among the contestants, and in words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Promise:
    """The most processor time per request that one way of the gateway may take, as a share of Envoy's."""

    what: str
    ours: str
    scenario: Scenario
    most: float
    aim: float | None = None


CPU_PROMISES = (
    Promise("CPU per request", "gateway-compiled", PLAIN, 0.50, aim=0.40),
    Promise("CPU per request", "gateway", PLAIN, 0.70, aim=0.62),
    Promise("CPU per request, access log on", "gateway-compiled", LOG, 0.60),
    Promise("CPU per request, access log on", "gateway", LOG, 0.90),
    Promise("CPU per request, browser's heads", "gateway-compiled", BROWSER, 0.50),
    Promise("CPU per request, TLS to the upstream", "gateway-compiled", TLS_UPSTREAM, 0.60),
    Promise("CPU per request, TLS to the upstream", "gateway", TLS_UPSTREAM, 0.80),
)


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
        *(_cpu(results, promise) for promise in CPU_PROMISES),
        *(verdict for ours in WAYS for verdict in _of_one_way(results, ours)),
        _no_failures(results),
        _cold(figures.behaviour(results, Case.COLD)),
        _expiring(figures.behaviour(results, Case.EXPIRING)),
        _denied(figures.behaviour(results, Case.DENIED)),
    ]


def _of_one_way(results: Results, ours: str) -> Iterator[Verdict]:
    yield _single_p50(results, ours)
    yield from (_transfer(results, ours, way, PLAIN) for way in (Way.DOWNLOAD, Way.UPLOAD))
    yield _transfer(results, ours, Way.DOWNLOAD, TLS_UPSTREAM)
    yield _growth(results, ours)
    yield _idle_memory(results, ours)
    yield _wake_ups(results, ours)
    yield _ready(results, ours)


def _cpu(results: Results, promise: Promise) -> Verdict:
    value = _load_ratio(results, promise.ours, "cpu_us", promise.scenario)
    target = f"at most {promise.most:.2f} of Envoy's{f', aim {promise.aim:.2f}' if promise.aim else ''}"
    return _ratio(f"{promise.what}, {WAYS[promise.ours]}", target, value, promise.most)


def _single_p50(results: Results, ours: str) -> Verdict:
    what, target = f"p50 at one connection, {WAYS[ours]}", "below Envoy's"
    value = _load_ratio(results, ours, "single_p50_us", PLAIN)
    if value is None:
        return _unmeasured(what, target)
    return Verdict(what, target, f"{value:.2f}", value < SINGLE_P50_RATIO)


def _load_ratio(results: Results, ours: str, name: str, scenario: Scenario) -> float | None:
    contestants = (scenario.named(ours), scenario.named("envoy"))
    return figures.ratio(*(figures.load_rounds(results, one, name) for one in contestants))


def _transfer(results: Results, ours: str, way: Way, scenario: Scenario) -> Verdict:
    contestants = (scenario.named(ours), scenario.named("envoy"))
    value = figures.ratio(*(figures.cpu_rounds(results, one, way) for one in contestants))
    through = "" if scenario is PLAIN else f", {scenario.title}"
    what = f"CPU per byte, {way}{through}, {WAYS[ours]}"
    return _ratio(what, f"at most {TRANSFER_RATIO:.2f} of Envoy's", value, TRANSFER_RATIO)


def _ratio(what: str, target: str, value: float | None, limit: float) -> Verdict:
    if value is None:
        return _unmeasured(what, target)
    return Verdict(what, target, f"{value:.2f}", value <= limit)


def _no_failures(results: Results) -> Verdict:
    what, target = "requests under load", "0 failures"
    ours = [load for load in results.loads if load.contestant.startswith("gateway")]
    if not ours:
        return _unmeasured(what, target)
    failed = sum(load.failures for load in ours)
    return Verdict(what, target, f"{failed} failures", failed == 0)


def _growth(results: Results, ours: str) -> Verdict:
    what = f"memory during large bodies, slow readers too, {WAYS[ours]}"
    target = f"grows by at most {GROWTH_BYTES // MIB} MiB"
    grown = figures.growth_bytes(results, ours)
    if grown is None:
        return _unmeasured(what, target)
    return Verdict(what, target, f"{grown / MIB:.1f} MiB", grown <= GROWTH_BYTES)


def _idle_memory(results: Results, name: str) -> Verdict:
    what, target = f"idle memory, {WAYS[name]}", f"below {IDLE_BYTES // MIB} MiB, and below Envoy's"
    ours, rival = figures.memory(results, name), figures.memory(results, "envoy")
    if ours is None or rival is None:
        return _unmeasured(what, target)
    measured = f"{ours.idle_bytes / MIB:.1f} MiB, Envoy {rival.idle_bytes / MIB:.1f} MiB"
    return Verdict(what, target, measured, ours.idle_bytes < min(rival.idle_bytes, IDLE_BYTES))


def _wake_ups(results: Results, ours: str) -> Verdict:
    what, target = f"wake-ups when nobody calls, {WAYS[ours]}", f"at most {WAKE_UPS_PER_S:g} per second"
    started, served = (figures.wake_ups_per_s(results, ours, calm) for calm in Calm)
    if started is None or served is None:
        return _unmeasured(what, target)
    measured = f"{started:.1f} {Calm.STARTED}, {served:.1f} {Calm.SERVED}"
    return Verdict(what, target, measured, max(started, served) <= WAKE_UPS_PER_S)


def _ready(results: Results, ours: str) -> Verdict:
    what, target = f"start to ready, {WAYS[ours]}", f"below {READY_S:g} s"
    ready_s = figures.median(figures.start_rounds(results, ours))
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
