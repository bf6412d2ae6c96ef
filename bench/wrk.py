"""Load by wrk: how it is called, and what it says."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess

_PATIENCE_S = 20
_REPORT = """\
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "duration_us": %d, "bad_statuses": %d, "socket_errors": %d, ' ..
    '"p50_us": %d, "p99_us": %d}\\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What wrk counted; a bad status is one of 400 and above."""

    requests: int
    duration_us: int
    bad_statuses: int
    socket_errors: int
    p50_us: int
    p99_us: int

    @property
    def failures(self) -> int:
        """How many requests did not come back as they should."""
        return self.bad_statuses + self.socket_errors


@dataclasses.dataclass(frozen=True, slots=True)
class Wrk:
    """The program, and the script that makes it speak JSON."""

    program: str
    script: pathlib.Path

    @classmethod
    def prepare(cls, program: str, directory: pathlib.Path) -> Wrk:
        """Write the script into the directory."""
        script = directory / "report.lua"
        script.write_text(_REPORT)
        return cls(program, script)

    def run(self, url: str, connections: int, duration_s: int) -> Outcome:
        """Load the URL from one thread over so many kept connections."""
        argv = (self.program, "-t1", f"-c{connections}", f"-d{duration_s}s", f"-s{self.script}", url)
        limit_s = duration_s + _PATIENCE_S
        done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=limit_s)
        return Outcome(**json.loads(done.stdout.splitlines()[-1]))
