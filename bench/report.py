"""The table that a person reads; pure."""

from __future__ import annotations

from collections.abc import Sequence

from bench import figures
from bench.contestants import CONTESTANTS, Contestant
from bench.plan import MIB
from bench.results import Behaviour, Load, Results, Way
from bench.targets import Verdict

_ABSENT = "-"


def render(results: Results, verdicts: Sequence[Verdict]) -> str:
    """Return all tables and the verdicts."""
    parts = [_loads(results), _transfers(results), _behaviours(results), _verdicts(verdicts)]
    return "\n\n".join(part for part in parts if part)


def _loads(results: Results) -> str:
    if not results.loads:
        return ""
    heads = ["small requests", "CPU us", "ratio", "req/s", "p50 ms", "p99 ms", "p50 us, 1 conn.", "ratio"]
    heads += ["RSS idle MiB", "loaded", "failed"]
    loaded = [one for one in CONTESTANTS if figures.memory(results, one.name)]
    return _table(heads, [_load_row(results, one) for one in loaded])


def _load_row(results: Results, contestant: Contestant) -> list[str]:
    def median(value: str, scale: float, digits: int) -> str:
        return _scaled(figures.median(_field(results, contestant.name, value)), scale, digits)

    def ratio(value: str) -> str:
        rounds = (_field(results, name, value) for name in (contestant.name, contestant.rival))
        return _scaled(figures.ratio(*rounds), 1, 2)

    memory = figures.memory(results, contestant.name)
    return [
        contestant.title,
        median("cpu_us", 1, 1),
        ratio("cpu_us"),
        median("requests_per_s", 1, 0),
        median("p50_us", 1000, 2),
        median("p99_us", 1000, 2),
        median("single_p50_us", 1, 0),
        ratio("single_p50_us"),
        _scaled(memory.idle_bytes if memory else None, MIB, 1),
        _scaled(memory.loaded_bytes if memory else None, MIB, 1),
        str(figures.failures(results, contestant.name)),
    ]


def _field(results: Results, contestant: str, name: str) -> figures.Rounds:
    def value(load: Load) -> float:
        return float(getattr(load, name))

    return figures.load_rounds(results, contestant, value)


def _transfers(results: Results) -> str:
    if not results.transfers and not results.starts:
        return ""
    heads = ["large bodies", "start s", "download CPU s/GiB", "ratio", "upload CPU s/GiB", "ratio"]
    heads += ["RSS grows MiB: download", "upload", "slow download", "slow upload"]
    seen = {one.contestant for one in results.transfers} | {one.contestant for one in results.starts}
    return _table(heads, [_transfer_row(results, one) for one in CONTESTANTS if one.name in seen])


def _transfer_row(results: Results, contestant: Contestant) -> list[str]:
    row = [contestant.title, _scaled(figures.median(figures.start_rounds(results, contestant.name)), 1, 2)]
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
    if left := len(verdicts) - len(measured):
        lines.append(f"not measured: {left} of {len(verdicts)} targets")
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
