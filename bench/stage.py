"""What all contestants stand on: two processors, two upstreams, an authorization server, a directory.

The contestants have the first processor for themselves; everything else, the benchmark included, is on the
last one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator

from bench import client, configs
from bench.plan import Plan
from bench.processes import Child, Processes, bound_to, free_ports, wait_until
from bench.programs import Programs
from bench.scenarios import PLAIN, Scenario
from bench.wrk import Wrk

_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """A running set of upstreams and authorization server, and the means to put a contestant in front."""

    places: configs.Places
    processes: Processes
    programs: Programs
    wrk: Wrk
    proxy_cpu: int
    load_cpu: int

    def front(
        self, name: str, scenario: Scenario = PLAIN, *, token_path: str = "/token/3600"
    ) -> configs.Front:
        """Return fresh ports and a client of its own for a contestant."""
        listen, admin = free_ports(2)
        client_id = f"{name}-{next(_numbers)}"
        access_log = self.places.directory / f"{client_id}.log" if scenario.logs else None
        return configs.Front(listen, admin, client_id, token_path, access_log, scenario)

    def write(self, name: str, text: str) -> str:
        """Write a configuration file and return its path."""
        path = self.places.directory / name
        path.write_text(text)
        return str(path)


@contextlib.contextmanager
def stage(programs: Programs, plan: Plan) -> Iterator[Stage]:
    """Set everything up in a temporary directory, and take it all down at the end."""
    cpus = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        stack.enter_context(bound_to(cpus[-1]))
        processes = stack.enter_context(Processes(directory))
        places = configs.Places(directory, *free_ports(4))
        places.certificates.make()
        wrk = Wrk.prepare(programs.wrk, directory)
        built = Stage(places, processes, programs, wrk, cpus[0], cpus[-1])
        _write_large_file(directory / configs.LARGE, plan.transfer_bytes)
        _write_large_file(directory / configs.LARGE_BY_TLS, plan.tls_transfer_bytes)
        _start_upstreams(built)
        yield built


def _write_large_file(path: pathlib.Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(size_bytes)


def _start_upstreams(built: Stage) -> None:
    places = built.places
    config = built.write("upstream.conf", configs.upstream_nginx(places))
    nginx = (built.programs.nginx, "-e", "stderr", "-c", config)
    _start(built, "upstream", nginx, places.api, "/", 401)
    _start(
        built, "strict upstream", _module("strict_upstream", places.strict), places.strict, "/rejected", 200
    )
    server = _module("authorization_server", places.authorization_server)
    _start(built, "authorization server", server, places.authorization_server, "/count/nobody", 200)


def _start(built: Stage, name: str, argv: tuple[str, ...], port: int, path: str, expected: int) -> Child:
    child = built.processes.start(name.replace(" ", "-"), argv, built.load_cpu)
    wait_until(lambda: client.status(port, path) == expected, child)
    return child


def _module(name: str, port: int) -> tuple[str, ...]:
    return (sys.executable, "-m", f"bench.{name}", str(port))
