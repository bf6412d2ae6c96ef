"""`python -m bench`: measure, print, write `results.json`.

Exit status: 0 if it ran, 1 if it could not, or with `--strict` if a target was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import pathlib
import sys
import time
from collections.abc import Sequence

from bench import (
    behaviour,
    compiled,
    idle,
    load,
    machine,
    pasted,
    plan,
    programs,
    report,
    starts,
    targets,
    transfers,
)
from bench.contestants import CONTESTANTS, GATEWAY, PEERS, PROXIES, Contestant
from bench.note import note
from bench.numbers import positive
from bench.processes import NotReadyError, ended_in_order
from bench.results import Results
from bench.scenarios import PLAIN, TLS_UPSTREAM, Scenario
from bench.stage import Stage, stage

PARTS = ("start", "load", "idle", "transfers", "behaviour")
_PROXIES = tuple(proxy.name for proxy in PROXIES)
_SCENARIOS = tuple(dict.fromkeys(one.scenario.label for one in CONTESTANTS))
_NAMES = (*_PROXIES, *_SCENARIOS, *PARTS)


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """What of everything is to be measured."""

    contestants: list[Contestant]
    parts: Sequence[str]

    def peers(self, *scenarios: Scenario) -> list[Contestant]:
        """Return the gateway, both ways, and Envoy, as far as chosen, in the given scenarios."""
        return [one for one in self.contestants if one.proxy in PEERS and one.scenario in scenarios]

    @property
    def proxies(self) -> list[str]:
        """The names of all proxies that take part."""
        return list(dict.fromkeys(one.proxy.name for one in self.contestants))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with ended_in_order():
            return _run(options, _choice(options.only))
    except (programs.NothingToMeasureError, compiled.NotCompiledError, NotReadyError) as error:
        note(str(error))
    except KeyboardInterrupt:
        note("interrupted; everything that was started has been ended")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="The gateway beside Envoy and others."
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short round: does it work, roughly how fast"
    )
    parser.add_argument("--rounds", type=positive, help="alternating rounds (7, with --quick 1)")
    parser.add_argument("--only", type=_only, default=(), help=f"a list of {','.join(_NAMES)}")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path(__file__).parent / "results.json")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser


def _only(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in _NAMES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(_NAMES)}")
    return names


def _choice(only: Sequence[str]) -> Choice:
    def chosen(names: Sequence[str]) -> Sequence[str]:
        return [name for name in names if name in only] or names

    proxies, scenarios = chosen(_PROXIES), chosen(_SCENARIOS)
    named = [one for one in CONTESTANTS if one.proxy.name in proxies and one.scenario.label in scenarios]
    return Choice(named, chosen(PARTS))


def _run(options: argparse.Namespace, choice: Choice) -> int:
    began_at_s = time.monotonic()
    found = programs.find(choice.proxies)
    chosen = plan.QUICK if options.quick else plan.FULL
    chosen = dataclasses.replace(chosen, rounds=options.rounds or chosen.rounds)
    about = _about(chosen, found)
    with stage(found, chosen) as built:
        results = _measure(built, chosen, choice)
    verdicts = targets.judge(results)
    for part in filter(None, (report.render(results, verdicts), pasted.render(results))):
        sys.stdout.write(f"{part}\n\n")
    _write(options.json, about, results, verdicts)
    note(f"it took {(time.monotonic() - began_at_s) / 60:.1f} minutes")
    return _exit_status(choice, results, verdicts, is_strict=options.strict)


def _measure(built: Stage, chosen: plan.Plan, choice: Choice) -> Results:
    results = Results()
    if "start" in choice.parts:
        results.starts = starts.measure(built, chosen, choice.peers(PLAIN))
    if "load" in choice.parts:
        results.loads, results.memories = load.measure(built, chosen, choice.contestants)
    if "idle" in choice.parts:
        results.idles = idle.measure(built, chosen, choice.peers(PLAIN))
    if "transfers" in choice.parts:
        results.transfers = transfers.measure(built, chosen, choice.peers(PLAIN, TLS_UPSTREAM))
    if "behaviour" in choice.parts and GATEWAY.name in choice.proxies:
        results.behaviours = behaviour.measure(built, chosen)
    return results


def _about(chosen: plan.Plan, found: programs.Programs) -> dict[str, object]:
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": machine.machine(),
        "versions": machine.versions(found),
        "plan": dataclasses.asdict(chosen),
    }


def _write(
    path: pathlib.Path, about: dict[str, object], results: Results, verdicts: Sequence[targets.Verdict]
) -> None:
    document = {**about, **dataclasses.asdict(results), "targets": list(map(dataclasses.asdict, verdicts))}
    path.write_text(json.dumps(document, indent=2) + "\n")
    note(f"all rounds are in {path}")


def _exit_status(
    choice: Choice, results: Results, verdicts: Sequence[targets.Verdict], *, is_strict: bool
) -> int:
    # A gateway that did not start is no result, however fast the others were.
    if Contestant(GATEWAY) in choice.contestants and not results.measured(GATEWAY.name):
        return 1
    return int(is_strict and any(one.is_met is False for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
