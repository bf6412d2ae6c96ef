"""The table for the README, ready to be pasted; pure.

Rules: each row shows one round, the one whose ratio is the median of all (the lower of two), and a ratio is
made of the figures beside it as they are shown. So whoever divides finds it again, which medians of columns,
each of another round, do not allow. What all rounds gave stands in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench import figures
from bench.plan import MIB
from bench.results import Results, Way
from bench.scenarios import BROWSER, LOG, PLAIN, TLS_LISTENER, TLS_UPSTREAM
from bench.targets import WAYS

HOW = "Each row is the round with the median ratio, in brackets the ratios of all rounds."
_HEADS = ("", "gateway", "Envoy", "ratio")
_LOADS = (
    ("CPU per request", PLAIN, "cpu_us"),
    ("with an access log, to a file", LOG, "cpu_us"),
    ("with heads as a browser sends them", BROWSER, "cpu_us"),
    ("with TLS to the upstream", TLS_UPSTREAM, "cpu_us"),
    ("with TLS from the callers", TLS_LISTENER, "cpu_us"),
    ("p50 at one connection", PLAIN, "single_p50_us"),
)
_TRANSFERS = (
    ("CPU per GiB, download", PLAIN, Way.DOWNLOAD),
    ("CPU per GiB, upload", PLAIN, Way.UPLOAD),
    ("CPU per GiB, download, TLS to the upstream", TLS_UPSTREAM, Way.DOWNLOAD),
)


def render(results: Results) -> str:
    """Return the table in Markdown and a line on proofs, or nothing where there is nothing to compare."""
    rows = [*_loads(results), *_transfers(results), *_memory(results)]
    table = [HOW, "", _line(_HEADS), "|---|---|---|---|", *map(_line, rows)] if rows else []
    return "\n\n".join(filter(None, ("\n".join(table), *_proofs(results))))


def _loads(results: Results) -> Iterator[tuple[str, ...]]:
    for what, scenario, name in _LOADS:
        digits = 0 if name.startswith("single") else 1
        rival = figures.load_rounds(results, scenario.named("envoy"), name)
        for ours, way in WAYS.items():
            rounds = figures.load_rounds(results, scenario.named(ours), name)
            yield from _row(f"{what}, {way}", (rounds, rival), "µs", digits)


def _proofs(results: Results) -> Iterator[str]:
    pair = tuple(figures.load_rounds(results, one, "cpu_us") for one in ("gateway-dpop", "gateway"))
    for _, bound, bearer, ratio in _row("", (pair[0], pair[1]), "µs", 1):
        yield f"Tokens that are bound to a key (DPoP): {bound} beside {bearer} with bearer tokens, {ratio}."


def _transfers(results: Results) -> Iterator[tuple[str, ...]]:
    for what, scenario, direction in _TRANSFERS:
        rival = figures.cpu_rounds(results, scenario.named("envoy"), direction)
        for ours, way in WAYS.items():
            rounds = figures.cpu_rounds(results, scenario.named(ours), direction)
            yield from _row(f"{what}, {way}", (rounds, rival), "s", 3)


def _memory(results: Results) -> Iterator[tuple[str, ...]]:
    rival = figures.memory(results, "envoy")
    for name, way in WAYS.items():
        ours = figures.memory(results, name)
        if ours and rival:
            pair = ({1: ours.idle_bytes / MIB}, {1: rival.idle_bytes / MIB})
            yield from _row(f"memory when idle, {way}", pair, "MiB", 0)


def _row(
    what: str, pair: tuple[figures.Rounds, figures.Rounds], unit: str, digits: int
) -> Iterator[tuple[str, ...]]:
    """Yield one row, or none where there is no round that both have."""
    ours, rivals = pair
    shown = {
        number: (f"{ours[number]:.{digits}f}", f"{rivals[number]:.{digits}f}")
        for number in ours
        if rivals.get(number)
    }
    ratios = sorted((float(left) / float(right), number) for number, (left, right) in shown.items())
    if not ratios:
        return
    ratio, number = ratios[(len(ratios) - 1) // 2]
    spread = f" ({ratios[0][0]:.2f} to {ratios[-1][0]:.2f})" if len(ratios) > 1 else ""
    left, right = shown[number]
    yield what, f"{left} {unit}", f"{right} {unit}", f"{ratio:.2f}{spread}"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")
