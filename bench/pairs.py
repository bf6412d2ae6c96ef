"""`python -m bench.pairs CHECKOUT`: what a request costs here, beside what it costs in another checkout.

Both sides run at once on the first processor, idle but for the one that is loaded: turn by turn, for a
second each, many times, so that what drifts drifts for both. Both are started anew on the way, for one
start differs from the next by what falls together in the caches. Printed is, for each scenario, the median
of the ratios of processor time per request, here to there, and its quartiles.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Iterator, Sequence

from bench import compiled, kernel, programs
from bench.contestants import ENVOY, Contestant, Proxy, Running, gateway_from, running
from bench.note import note
from bench.numbers import positive
from bench.pair_figures import HEAD, Cost, Pair, row
from bench.plan import QUICK
from bench.processes import FAILURES, ROOT, ended_in_order
from bench.scenarios import BROWSER, LOG, PLAIN, TLS_LISTENER, TLS_UPSTREAM, Scenario
from bench.stage import Stage, stage

SCENARIOS = {one.label: one for one in (PLAIN, BROWSER, LOG, TLS_UPSTREAM, TLS_LISTENER)}
_USUAL = "plain,browser,log,tls-upstream"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the figures, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.checkout is None) == (options.against is None):
        parser.error("either CHECKOUT or --against envoy is needed")
    try:
        with ended_in_order():
            _measure(options, *_sides(options))
    except KeyboardInterrupt:
        note("interrupted; everything that was started has been ended")
        return 1
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
        sys.stdout.write(f"here:  {here.title}\nthere: {there.title}\n{HEAD}")
        for ours, theirs in bouts:
            sides = (Contestant(here, ours), Contestant(there, theirs))
            pairs = [
                pair
                for start in range(options.starts)
                for pair in _pairs(built, sides, range(start, options.pairs, options.starts))
            ]
            sys.stdout.write(row(ours.title, pairs))
            sys.stdout.flush()


def _pairs(built: Stage, sides: Sequence[Contestant], numbers: Sequence[int]) -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        here, there = (stack.enter_context(running(built, side)) for side in sides)
        if here is None or there is None:
            raise programs.NothingToMeasureError("there is no Envoy to be measured")
        for warm in (here, there):
            _cost(built, warm)
        for number in numbers:
            costs = {id(one): _cost(built, one) for one in (here, there)[:: 1 if number % 2 else -1]}
            yield costs[id(here)], costs[id(there)]


def _cost(built: Stage, one: Running) -> Cost:
    before = kernel.clocks(one.pid)
    outcome = built.wrk.run(one.front.url, QUICK.connections, 1, one.contestant.scenario.fields)
    used = kernel.clocks(one.pid) - before
    if outcome.failures:
        note(f"{one.contestant.name}: {outcome.failures} of {outcome.requests} requests failed")
    wall_ns = outcome.duration_us * 1000
    return Cost(used.cpu_ns / 1000 / outcome.requests, used.busy(wall_ns), used.kept_waiting(wall_ns))


if __name__ == "__main__":
    sys.exit(main())
