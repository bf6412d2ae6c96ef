"""`python -m bench.pairs CHECKOUT`: what a request costs here, beside what it costs in another checkout.

Both gateways run at once on the first processor, idle but for the one that is loaded: turn by turn, for a
second each, many times, so that what drifts drifts for both. Printed is the median of the ratios
of processor time per request, here to there, and its quartiles.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
from collections.abc import Sequence

from bench import client, configs, kernel, programs
from bench.note import note
from bench.plan import QUICK
from bench.processes import ROOT, Child, wait_until
from bench.stage import Stage, stage

_RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from gateway.cli import main; main()"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the figures, and return 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.pairs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument(
        "--logs",
        nargs="?",
        const="both",
        default="none",
        choices=("none", "both", "here"),
        help="who keeps an access log, in a file; `. --logs here` shows what it costs",
    )
    options = parser.parse_args(arguments)
    with stage(programs.find([]), QUICK) as built:
        here = _start(built, ROOT, logs=options.logs != "none")
        there = _start(built, options.checkout.resolve(), logs=options.logs == "both")
        pairs = [_pair(built, here, there, is_turned=number % 2 == 1) for number in range(options.pairs)]
    _tell(pairs)
    return 0


def _start(built: Stage, checkout: pathlib.Path, *, logs: bool) -> tuple[configs.Front, Child]:
    front = built.front("gateway", logs=logs)
    config = built.write(f"{front.client_id}.yaml", configs.gateway(built.places, front))
    argv = (sys.executable, "-P", "-c", _RUN, str(checkout), "run", "-c", config)
    child = built.processes.start(front.client_id, argv, built.proxy_cpu)
    wait_until(lambda: client.status(front.listen, "/") == 200, child)
    note(f"{checkout}: {kernel.rss_bytes(child.pid) / 1024**2:.1f} MiB when ready")
    return front, child


def _pair(
    built: Stage, here: tuple[configs.Front, Child], there: tuple[configs.Front, Child], *, is_turned: bool
) -> tuple[float, float]:
    costs = {id(one): _cost_us(built, *one) for one in ((there, here) if is_turned else (here, there))}
    return costs[id(here)], costs[id(there)]


def _cost_us(built: Stage, front: configs.Front, child: Child) -> float:
    before_ns = kernel.cpu_ns(child.pid)
    outcome = built.wrk.run(f"http://127.0.0.1:{front.listen}/", QUICK.connections, 1)
    return (kernel.cpu_ns(child.pid) - before_ns) / 1000 / outcome.requests


def _tell(pairs: Sequence[tuple[float, float]]) -> None:
    ratios = sorted(here / there for here, there in pairs)
    low, middle, high = statistics.quantiles(ratios, n=4)
    more_us = statistics.median(here - there for here, there in pairs)
    here_us, there_us = (statistics.median(costs) for costs in zip(*pairs, strict=True))
    sys.stdout.write(
        f"{len(pairs)} pairs: {here_us:.1f} µs a request here, {there_us:.1f} there;"
        f" {more_us:+.1f} µs, ratio {middle:.3f} (quartiles {low:.3f}, {high:.3f})\n"
    )


if __name__ == "__main__":
    sys.exit(main())
