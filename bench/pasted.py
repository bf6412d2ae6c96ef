"""The table for the README, ready to be pasted; pure.

Rules: each row shows one round, the one whose ratio is the median of all (the lower of two), and a ratio is
made of the figures beside it as they are shown. So whoever divides finds it again, which medians of columns,
each of another round, do not allow. What all rounds gave stands in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench import figures
from bench.plan import MIB
from bench.results import Load, Results, Way

HOW = "Each row is the round with the median ratio, in brackets the ratios of all rounds."
_HEADS = ("", "gateway", "Envoy", "ratio")
_LOADS = (
    ("CPU per request", "gateway", "envoy", "cpu_us"),
    ("with an access log, to a file", "gateway-log", "envoy-log", "cpu_us"),
    ("p50 at one connection", "gateway", "envoy", "single_p50_us"),
)


def render(results: Results) -> str:
    """Return the table in Markdown and a line on proofs, or nothing where there is nothing to compare."""
    rows = [*_loads(results), *_transfers(results), *_memory(results)]
    table = [HOW, "", _line(_HEADS), "|---|---|---|---|", *map(_line, rows)] if rows else []
    return "\n\n".join(filter(None, ("\n".join(table), *_proofs(results))))


def _loads(results: Results) -> Iterator[tuple[str, ...]]:
    for what, ours, rival, name in _LOADS:
        digits = 0 if name.startswith("single") else 1
        yield from _row(what, (_field(results, ours, name), _field(results, rival, name)), "µs", digits)


def _proofs(results: Results) -> Iterator[str]:
    pair = (_field(results, "gateway-dpop", "cpu_us"), _field(results, "gateway", "cpu_us"))
    for _, bound, bearer, ratio in _row("", pair, "µs", 1):
        yield f"Tokens that are bound to a key (DPoP): {bound} beside {bearer} with bearer tokens, {ratio}."


def _transfers(results: Results) -> Iterator[tuple[str, ...]]:
    for way in (Way.DOWNLOAD, Way.UPLOAD):
        pair = (figures.cpu_rounds(results, "gateway", way), figures.cpu_rounds(results, "envoy", way))
        yield from _row(f"CPU per GiB, {way}", pair, "s", 3)


def _memory(results: Results) -> Iterator[tuple[str, ...]]:
    ours, rival = (figures.memory(results, one) for one in ("gateway", "envoy"))
    if ours and rival:
        pair = ({1: ours.idle_bytes / MIB}, {1: rival.idle_bytes / MIB})
        yield from _row("memory when idle", pair, "MiB", 0)


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


def _field(results: Results, contestant: str, name: str) -> figures.Rounds:
    def value(load: Load) -> float:
        return float(getattr(load, name))

    return figures.load_rounds(results, contestant, value)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")
