"""The Autobahn test suite, a WebSocket client that breaks every rule of RFC 6455 in turn.

`make autobahn` installs it, where there is a Python 2.7. It judges each of its cases (`behavior`) and how the
connection ended after it (`behaviorClose`), and writes both into a report.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.real.programs import Missing, ended

HOME = Path(__file__).parents[2] / ".venv" / "autobahn"
WSTEST = HOME / "bin" / "wstest"
PASSED = "passed"
_PASSES = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite says of one case: `PASSED`, or how it and its end failed; and the code of the peer's Close."""

    case: str
    end: str
    close_code: int | None


def find_suite() -> None:
    """Look whether the suite is installed.

    Raises:
        Missing: it is not.
    """
    if not WSTEST.exists():
        raise Missing("the Autobahn suite is not installed (make autobahn; it needs Python 2.7 with pip)")


async def verdicts(
    url: str, folder: Path, cases: Iterable[str], *, but: Iterable[str] = ()
) -> dict[str, Verdict]:
    """Run `cases` against the server at `url`, all `but` some, and return what the suite says of each.

    Both are numbers of cases, which may end with ``*``.
    """
    folder.mkdir()
    server = {"agent": "server", "url": url}
    spec = {"outdir": str(folder), "servers": [server], "cases": list(cases), "exclude-cases": list(but)}
    file = folder / "spec.json"
    file.write_text(json.dumps(spec | {"exclude-agent-cases": {}}), "utf-8")
    await _run(file, folder / "log")
    report = json.loads((folder / "index.json").read_text("utf-8"))["server"]
    return {case: _verdict(each) for case, each in report.items()}


async def _run(spec: Path, log: Path) -> None:
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            WSTEST, "-m", "fuzzingclient", "-s", spec,
            cwd=spec.parent, stdout=out, stderr=out, env=os.environ | {"PYTHONUSERBASE": str(HOME)},
        )  # fmt: skip
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                await ended(process)
    assert status == 0, log.read_text("utf-8", "replace")[-2000:]


def _verdict(report: dict[str, object]) -> Verdict:
    case, end = (
        PASSED if report[key] in _PASSES else str(report[key]) for key in ("behavior", "behaviorClose")
    )
    code = report["remoteCloseCode"]
    return Verdict(case, end, code if isinstance(code, int) else None)
