"""Load by wrk: how it is called, and what it says.

wrk cannot be told how to speak TLS, but the OpenSSL in it reads its system's defaults from a file, and so
offers the one cipher that everybody has.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
from collections.abc import Iterable

from bench.configs import CIPHER

_PATIENCE_S = 20
_OPENSSL = f"""\
openssl_conf = library
[library]
ssl_conf = ssl
[ssl]
system_default = callers
[callers]
MinProtocol = TLSv1.3
Ciphersuites = {CIPHER}
"""
_SCRIPT = """\
local requests, turn = {}, 0
init = function(arguments)
  for number = 1, 99 do
    local order = 100 * (number % 3 + 1) + number
    requests[number] = wrk.format(nil, wrk.path .. "orders/" .. order .. "?page=" .. number)
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
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
    """The program, its script, and the defaults of its OpenSSL.

    The script makes it speak JSON, and ask for another order each time: proxies that remember what they last
    read must not look better than they are. The upstream's answers differ in their lengths (`configs`).
    """

    program: str
    script: pathlib.Path
    openssl: pathlib.Path
    threads: int = 1

    @classmethod
    def prepare(cls, program: str, directory: pathlib.Path) -> Wrk:
        """Write both files into the directory."""
        script, openssl = directory / "report.lua", directory / "openssl.cnf"
        script.write_text(_SCRIPT)
        openssl.write_text(_OPENSSL)
        return cls(program, script, openssl)

    def also(self, name: str, lua: str, threads: int = 1) -> Wrk:
        """Return the same with more in its script, which each of so many threads runs for itself."""
        script = self.script.with_name(name)
        script.write_text(self.script.read_text() + lua)
        return dataclasses.replace(self, script=script, threads=threads)

    def run(self, url: str, connections: int, duration_s: int, fields: Iterable[str] = ()) -> Outcome:
        """Load the URL over so many kept connections, with the fields in every head."""
        options = (
            f"-c{connections}",
            f"-d{duration_s}s",
            f"-s{self.script}",
            *(f"-H{one}" for one in fields),
        )
        done = subprocess.run(
            (self.program, f"-t{self.threads}", *options, *(f"-H{one}" for one in fields), url),
            check=True,
            capture_output=True,
            text=True,
            timeout=duration_s + _PATIENCE_S,
            env={**os.environ, "OPENSSL_CONF": str(self.openssl)},
        )
        return Outcome(**json.loads(done.stdout.splitlines()[-1]))
