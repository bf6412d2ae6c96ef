"""The table that a person reads; pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from bench import figures
from bench.contestants import CONTESTANTS, Contestant
from bench.plan import MIB
from bench.results import Behaviour, Calm, Results, Way
from bench.scenarios import PLAIN, Scenario
from bench.targets import Verdict

_ABSENT = "-"
_WORTH_TELLING = 0.1


def render(results: Results, verdicts: Sequence[Verdict]) -> str:
    """Return all tables and the verdicts."""
    parts = [
        *_loads(results),
        _shared(results),
        _idles(results),
        _transfers(results),
        _behaviours(results),
        _verdicts(verdicts),
    ]
    return "\n\n".join(part for part in parts if part)


def _loads(results: Results) -> Iterator[str]:
    """Yield a table for each scenario; what is compared with each other stands in the same one."""
    groups: dict[Scenario, list[Contestant]] = {}
    for one in CONTESTANTS:
        if figures.load_rounds(results, one.name, "cpu_us"):
            groups.setdefault(one.lineup, []).append(one)
    for scenario, contestants in groups.items():
        heads = [
            scenario.title,
            "CPU us",
            "ratio",
            "of all rounds",
            "busy",
            "req/s",
            "p50 ms",
            "p99 ms",
            "failed",
        ]
        heads += ["p50 us, 1 conn.", "ratio", "RSS idle MiB", "loaded"] if scenario is PLAIN else []
        yield _table(heads, [_load_row(results, one)[: len(heads)] for one in contestants])


def _load_row(results: Results, contestant: Contestant) -> list[str]:
    def median(name: str, scale: float, digits: int) -> str:
        return _scaled(figures.median(figures.load_rounds(results, contestant.name, name)), scale, digits)

    memory = figures.memory(results, contestant.name)
    return [
        contestant.title,
        median("cpu_us", 1, 1),
        *_ratio_cells(_ratios(results, contestant, "cpu_us")),
        median("busy", 0.01, 0),
        median("requests_per_s", 1, 0),
        median("p50_us", 1000, 2),
        median("p99_us", 1000, 2),
        str(figures.failures(results, contestant.name)),
        median("single_p50_us", 1, 0),
        _ratio_cells(_ratios(results, contestant, "single_p50_us"))[0],
        _scaled(memory.idle_bytes if memory else None, MIB, 1),
        _scaled(memory.loaded_bytes if memory else None, MIB, 1),
    ]


def _ratios(results: Results, contestant: Contestant, name: str) -> figures.Rounds:
    return figures.ratios(
        *(figures.load_rounds(results, one, name) for one in (contestant.name, contestant.rival))
    )


def _ratio_cells(ratios: figures.Rounds) -> tuple[str, str]:
    """Return the median, and the lowest and highest of all rounds."""
    values = ratios.values()
    spread = f"{min(values):.2f}-{max(values):.2f}" if len(values) > 1 else _ABSENT
    return _scaled(figures.median(ratios), 1, 2), spread


def _shared(results: Results) -> str:
    """Return a warning, if somebody else had much of the contestants' processor."""
    shares = [load.kept_waiting for load in results.loads]
    if not shares or (share := statistics.median(shares)) < _WORTH_TELLING:
        return ""
    return (
        f"Others used the contestants' processor for {share:.0%} of the time: ratios are rougher than usual."
    )


def _idles(results: Results) -> str:
    if not results.idles:
        return ""
    idle = [one for one in CONTESTANTS if figures.wake_ups_per_s(results, one.name, Calm.STARTED) is not None]
    rows = [
        [
            one.title,
            *(_scaled(figures.wake_ups_per_s(results, one.name, calm), 1, 1) for calm in Calm),
            *(_scaled(figures.idle_cpu_ms_per_s(results, one.name, calm), 1, 2) for calm in Calm),
        ]
        for one in idle
    ]
    wake_ups = [f"wake-ups/s {calm}" for calm in Calm]
    return _table(["nobody calls", *wake_ups, *(f"CPU ms/s {calm}" for calm in Calm)], rows)


def _transfers(results: Results) -> str:
    if not results.transfers and not results.starts:
        return ""
    heads = ["large bodies", "start s", "download CPU s/GiB", "ratio", "upload CPU s/GiB", "ratio"]
    heads += ["RSS grows MiB: download", "upload", "slow download", "slow upload"]
    seen = {one.contestant for one in results.transfers} | {one.contestant for one in results.starts}
    return _table(heads, [_transfer_row(results, one) for one in CONTESTANTS if one.name in seen])


def _transfer_row(results: Results, contestant: Contestant) -> list[str]:
    started_s = figures.median(figures.start_rounds(results, contestant.name))
    row = [contestant.full_title, _scaled(started_s, 1, 2)]
    for way in (Way.DOWNLOAD, Way.UPLOAD):
        ours, rivals = (
            figures.cpu_rounds(results, name, way) for name in (contestant.name, contestant.rival)
        )
        row += [_scaled(figures.median(ours), 1, 3), _scaled(figures.ratio(ours, rivals), 1, 2)]
    return row + [_scaled(figures.growth_bytes(results, contestant.name, way), MIB, 1) for way in Way]


def _behaviours(results: Results) -> str:
    if not results.behaviours:
        return ""
    heads = ("gateway", "requests", "failed", "token requests", "seconds", "dead tokens seen upstream")
    return _table(heads, [_behaviour_row(one) for one in results.behaviours])


def _behaviour_row(figure: Behaviour) -> list[str]:
    counts = map(str, (figure.requests, figure.failures, figure.token_requests))
    return [figure.case, *counts, f"{figure.seconds:.1f}", str(figure.rejected)]


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    measured = [one for one in verdicts if one.is_met is not None]
    rows = [["PASS" if one.is_met else "MISS", one.what, one.target, one.measured] for one in measured]
    lines = [_table(("", "target", "promised", "measured"), rows, left_columns=4)] if rows else []
    if left := [one.what for one in verdicts if one.is_met is None]:
        lines.append(f"not measured: {len(left)} of {len(verdicts)} targets")
    return "\n".join(lines)


def _scaled(value: float | None, scale: float, digits: int) -> str:
    return _ABSENT if value is None else f"{value / scale:,.{digits}f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], left_columns: int = 1) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if number < left_columns else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), "  ".join("-" * width for width in widths), *map(line, rows)])
