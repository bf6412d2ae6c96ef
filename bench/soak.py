"""`python -m bench.soak`: the gateway for a long while between odd upstreams and callers who stay.

100 requests a second for 25 minutes by default, with tokens that live two seconds, resets, answers that break
off, 401s, early answers, large bodies, callers who leave and callers who never end what they began. Meanwhile
the gateway's memory and descriptors are watched; afterwards everybody hangs up.

Exit status 0 if memory stood still after the first fifth of the time, descriptors came back to where they
were, no request ended otherwise than it should, and the log holds no traceback; else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import pathlib
import statistics
import sys
import tempfile
import textwrap
from collections.abc import Sequence

import uvloop

from bench import client, kernel
from bench.note import note
from bench.processes import Child, Processes, ended_in_order, free_ports, wait_until
from bench.soak_callers import Callers

MOST_GROWTH_BYTES = 4 * 1024 * 1024
_SAMPLE_S = 5.0
_QUIET_S = 8.0  # idle connections to upstreams are kept for 4.5 s, sockets linger for 2 s
_MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """The gateway at one instant."""

    at_s: float
    rss_bytes: int
    descriptors: int


@dataclasses.dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak showed."""

    samples: list[Sample]
    descriptors_before: int
    descriptors_after: int
    surprises: list[str]
    tracebacks: int

    def growth_bytes(self) -> int:
        """Return by how much memory grew: the last fifth of the time against the second one."""
        fifth = max(1, len(self.samples) // 5)
        early, late = self.samples[fifth : 2 * fifth], self.samples[-fifth:]
        return round(_median(late) - _median(early or late))

    def faults(self) -> list[str]:
        """Tell everything that is not as it should be."""
        growth_bytes = self.growth_bytes()
        told = list(self.surprises)
        if growth_bytes > MOST_GROWTH_BYTES:
            told.append(f"memory grew by {growth_bytes / _MIB:.1f} MiB after the first fifth")
        if self.descriptors_after > self.descriptors_before:
            told.append(f"descriptors: {self.descriptors_before} before, {self.descriptors_after} after")
        if self.tracebacks:
            told.append(f"tracebacks in the log: {self.tracebacks}")
        return told


def _median(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.rss_bytes for sample in samples)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak the gateway, print what it showed, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--callers", type=int, default=60, help="connections that stay")
    options = parser.parse_args(arguments)
    with (
        ended_in_order(),
        tempfile.TemporaryDirectory(prefix="soak-") as name,
        Processes(pathlib.Path(name)) as processes,
    ):
        soaked = uvloop.run(_soak(pathlib.Path(name), processes, options))
    faults = soaked.faults()
    sys.stdout.write("".join(f"FAULT {fault}\n" for fault in faults) or "nothing to complain of\n")
    return 1 if faults else 0


async def _soak(directory: pathlib.Path, processes: Processes, options: argparse.Namespace) -> Soaked:
    listen, gateway = _start(directory, processes)
    callers, samples = Callers(listen, options.callers), []
    before = _sample(gateway, 0.0)
    loop = asyncio.get_running_loop()
    began_s, ends_s, sampled_s = loop.time(), loop.time() + options.minutes * 60.0, loop.time()
    sent = 0
    while (now_s := loop.time()) < ends_s and not gateway.has_ended:
        while sent < (now_s - began_s) * options.rate:
            callers.send()
            sent += 1
        if now_s - sampled_s >= _SAMPLE_S:
            sampled_s = now_s
            samples.append(_sample(gateway, now_s - began_s))
            _tell(samples[-1], callers)
        await asyncio.sleep(1.0 / options.rate)
    await callers.close()
    await asyncio.sleep(_QUIET_S)
    after = _sample(gateway, loop.time() - began_s)
    sys.stdout.write(
        "".join(f"{kind}: {word}: {n}\n" for (kind, word), n in sorted(callers.outcomes.items()))
    )
    soaked = Soaked(
        samples or [after],
        before.descriptors,
        after.descriptors,
        callers.surprises() + ([f"skipped: {callers.skipped}"] if callers.skipped else []),
        gateway.output.read_text(errors="replace").count("Traceback"),
    )
    sys.stdout.write(
        f"{sum(callers.outcomes.values())} requests, memory {before.rss_bytes / _MIB:.1f} MiB when ready,"
        f" {after.rss_bytes / _MIB:.1f} at the end, grown by {soaked.growth_bytes() / _MIB:.1f};"
        f" descriptors {before.descriptors} before, {after.descriptors} after\n"
    )
    return soaked


def _start(directory: pathlib.Path, processes: Processes) -> tuple[int, Child]:
    listen, admin, upstream, server = free_ports(4)
    cpus = sorted(os.sched_getaffinity(0))
    processes.start("upstream", (sys.executable, "-m", "bench.odd_upstream", str(upstream)), cpus[-1])
    asked = processes.start(
        "authorization-server", (sys.executable, "-m", "bench.authorization_server", str(server)), cpus[-1]
    )
    wait_until(lambda: client.status(server, "/count/nobody") == 200, asked)
    config = directory / "gateway.yaml"
    config.write_text(_config(listen, admin, upstream, server))
    argv = (sys.executable, "-m", "gateway", "run", "-c", str(config))
    gateway = processes.start("gateway", argv, cpus[0])
    wait_until(lambda: client.status(admin, "/readyz") == 200, gateway)
    return listen, gateway


def _config(listen: int, admin: int, upstream: int, server: int) -> str:
    paths = ("/fine", "/large", "/private", "/reset", "/cut", "/odd", "/early")
    routes = "".join(
        f'  - {{path: {path}, upstream: "http://127.0.0.1:{upstream}", client: soak}}\n' for path in paths
    )
    head = f"""\
        listen: 127.0.0.1:{listen}
        admin: 127.0.0.1:{admin}
        log: {{access: stdout}}
        clients:
          soak:
            token_endpoint: http://127.0.0.1:{server}/token/2
            client_id: soak
            client_secret: ${{env:SOAK_SECRET}}
        routes:
        """
    return textwrap.dedent(head) + routes


def _sample(gateway: Child, at_s: float) -> Sample:
    return Sample(at_s, kernel.rss_bytes(gateway.pid), kernel.descriptors(gateway.pid))


def _tell(sample: Sample, callers: Callers) -> None:
    if round(sample.at_s / _SAMPLE_S) % 12 == 1:
        note(
            f"{sample.at_s / 60:4.1f} min: {sum(callers.outcomes.values())} requests,"
            f" {sample.rss_bytes / _MIB:.1f} MiB, {sample.descriptors} descriptors"
        )


if __name__ == "__main__":
    os.environ.setdefault("SOAK_SECRET", "correct-horse-battery-staple")
    sys.exit(main())
