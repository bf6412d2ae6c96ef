"""`python -m bench.pairs CHECKOUT`: what a request costs here, beside what it costs in another checkout.

Both sides run at once on the first processor, idle but for the one that is loaded: turn by turn, for a
second each, many times, so that what drifts drifts for both. Both are started anew on the way, for one
start differs from the next by what falls together in the caches. Printed is, for each scenario, the median
of the ratios of processor time per request, here to there, and its quartiles.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import pathlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from bench import compiled, kernel, programs
from bench.contestants import ENVOY, Contestant, Proxy, Running, gateway_from, running
from bench.note import note
from bench.numbers import positive
from bench.plan import QUICK
from bench.processes import FAILURES, ROOT
from bench.scenarios import BROWSER, LOG, PLAIN, TLS_LISTENER, TLS_UPSTREAM, Scenario
from bench.stage import Stage, stage

SCENARIOS = {one.label: one for one in (PLAIN, BROWSER, LOG, TLS_UPSTREAM, TLS_LISTENER)}
_USUAL = "plain,browser,log,tls-upstream"
_HEAD = f"{'here µs':>38}{'there µs':>10}{'more µs':>9}{'ratio':>8}  quartiles      busy here, there\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the figures, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.checkout is None) == (options.against is None):
        parser.error("either CHECKOUT or --against envoy is needed")
    try:
        _measure(options, *_sides(options))
    except (compiled.NotCompiledError, programs.NothingToMeasureError, *FAILURES) as error:
        note(str(error))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.pairs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=pathlib.Path, nargs="?")
    parser.add_argument("--against", choices=("envoy",), help="instead of another checkout")
    parser.add_argument("--only", type=_only, default=_USUAL, help=f"a list of {','.join(SCENARIOS)}")
    parser.add_argument("--compiled", nargs="?", const="both", choices=("here", "there", "both"))
    parser.add_argument(
        "--pairs", type=positive, default=10, help="of two seconds each, for each scenario (10)"
    )
    parser.add_argument("--starts", type=positive, default=2, help="how often both sides are started (2)")
    parser.add_argument(
        "--logs", choices=("here",), help="an access log on one side: `. --logs here` shows what it costs"
    )
    return parser


def _only(text: str) -> list[Scenario]:
    if unknown := [name for name in text.split(",") if name not in SCENARIOS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(SCENARIOS)}")
    return [SCENARIOS[name] for name in text.split(",")]


def _sides(options: argparse.Namespace) -> tuple[Proxy, Proxy]:
    def side(checkout: pathlib.Path, name: str) -> Proxy:
        is_compiled = options.compiled in (name, "both")
        folder = compiled.folder(checkout) if is_compiled else checkout
        title = f"{checkout}{', compiled' if is_compiled else ''}"
        return Proxy(name, title, gateway_from(folder), has_readiness=True)

    here = side(ROOT, "here")
    return here, side(options.checkout.resolve(), "there") if options.checkout else ENVOY


def _measure(options: argparse.Namespace, here: Proxy, there: Proxy) -> None:
    bouts = [(LOG, PLAIN)] if options.logs else [(one, one) for one in options.only]
    with stage(programs.find([there.name]), QUICK) as built:
        sys.stdout.write(f"here:  {here.title}\nthere: {there.title}\n{_HEAD}")
        for ours, theirs in bouts:
            sides = (Contestant(here, ours), Contestant(there, theirs))
            pairs = [
                pair
                for start in range(options.starts)
                for pair in _pairs(built, sides, range(start, options.pairs, options.starts))
            ]
            _tell(ours.title, pairs)


@dataclasses.dataclass(frozen=True, slots=True)
class _Cost:
    """Processor time per request, and the share of the time at work or in the queue for the processor."""

    cpu_us: float
    busy: float


_Pair: TypeAlias = tuple[_Cost, _Cost]


def _pairs(
    built: Stage, sides: Sequence[Contestant], numbers: Sequence[int]
) -> Iterator[tuple[_Cost, _Cost]]:
    with contextlib.ExitStack() as stack:
        here, there = (stack.enter_context(running(built, side)) for side in sides)
        if here is None or there is None:
            raise programs.NothingToMeasureError("there is no Envoy to be measured")
        for warm in (here, there):
            _cost(built, warm)
        for number in numbers:
            costs = {id(one): _cost(built, one) for one in (here, there)[:: 1 if number % 2 else -1]}
            yield costs[id(here)], costs[id(there)]


def _cost(built: Stage, one: Running) -> _Cost:
    before = kernel.clocks(one.pid)
    outcome = built.wrk.run(one.front.url, QUICK.connections, 1, one.contestant.scenario.fields)
    used = kernel.clocks(one.pid) - before
    if outcome.failures:
        note(f"{one.contestant.name}: {outcome.failures} of {outcome.requests} requests failed")
    busy = (used.cpu_ns + used.waited_ns) / 1000 / outcome.duration_us
    return _Cost(used.cpu_ns / 1000 / outcome.requests, busy)


def _tell(title: str, pairs: Sequence[_Pair]) -> None:
    ratios = [here.cpu_us / there.cpu_us for here, there in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    more_us = statistics.median(here.cpu_us - there.cpu_us for here, there in pairs)
    here_us, there_us = (statistics.median(one.cpu_us for one in costs) for costs in zip(*pairs, strict=True))
    here_busy, there_busy = (
        statistics.median(one.busy for one in costs) for costs in zip(*pairs, strict=True)
    )
    sys.stdout.write(
        f"{title:30}{here_us:8.1f}{there_us:10.1f}{more_us:+9.1f}{middle:8.3f}"
        f"  {low:.3f}, {high:.3f}   {here_busy:4.0%}, {there_busy:4.0%}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
