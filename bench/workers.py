"""`python -m bench.workers`: what workers cost, and what the death of one costs.

Three measurements, one after the other:

- Memory of each process, idle: what it has alone (private), and its share of what several have (Pss).
- Processor time per request of one worker and of several, in turn, under the same load of kept connections.
- Workers are killed (SIGKILL) in turn under load. Before each death its process is stopped, so that
  connections wait in the queue of its socket; they must be served by its successor.

Exit status 0 if no queued connection was lost, no counter fell, only exchanges in killed workers broke and
their successors served within a second; else 1. The costs are for reading.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator

import uvloop

from bench import kernel
from bench.processes import free_ports

_MIB = 1024 * 1024
_QUEUED = 40
_CALLERS = 32
"""For each worker: the fewer there are for one, the fewer requests does it serve at once."""
_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_UPSTREAM = "import sys; from bench.workers import serve; serve(int(sys.argv[1]))"


class _Upstream(asyncio.Protocol):
    """Answers as many requests as have come, without reading them closely."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(_RESPONSE * data.count(b"\r\n\r\n"))  # type: ignore[attr-defined]


def serve(port: int) -> None:
    """Be the upstream, in a process of its own, until it is ended."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(_Upstream, "127.0.0.1", port)
        await asyncio.Event().wait()

    uvloop.run(work())


@dataclasses.dataclass(slots=True)
class Seen:
    """What callers met."""

    done: int = 0
    broken: int = 0
    is_over: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs."""

    pid: int
    port: int
    admin: int

    def workers(self) -> list[int]:
        """Return the processes of its workers; of one that is alone, itself."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children[1:]] or [self.pid]


@contextlib.asynccontextmanager
async def _running(workers: int, upstream: int, folder: pathlib.Path) -> AsyncIterator[Gateway]:
    port, admin = free_ports(2)
    file = folder / f"gateway-{workers}.yaml"
    document = {
        "workers": workers,
        "listen": f"127.0.0.1:{port}",
        "admin": f"127.0.0.1:{admin}",
        "log": {"access": "off", "level": "error"},
        "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{upstream}"}],
    }
    file.write_text(json.dumps(document))
    command = (sys.executable, "-m", "gateway", "run", "-c", str(file))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(60):
            while not await _page(admin, "/readyz"):  # noqa: ASYNC110 - another process becomes ready
                await asyncio.sleep(0.05)
        yield Gateway(process.pid, port, admin)
    finally:
        process.terminate()
        await process.wait()


async def _page(port: int, path: str) -> str:
    """Return a page if its status is 200."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return ""
    writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return body.decode() if b" 200 " in head[:14] else ""


async def _call(seen: Seen, port: int) -> None:
    """Ask again and again; a connection that breaks is one broken exchange, and another follows."""
    while not seen.is_over:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                while not seen.is_over:
                    writer.write(_REQUEST)
                    await _answer(reader)
                    seen.done += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            seen.broken += 1


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head[:20])
    await reader.readexactly(2)


@contextlib.asynccontextmanager
async def _load(gateway: Gateway) -> AsyncIterator[Seen]:
    seen, count = Seen(), _CALLERS * len(gateway.workers())
    work = [asyncio.create_task(_call(seen, gateway.port)) for _ in range(count)]
    try:
        yield seen
    finally:
        seen.is_over = True
        await asyncio.gather(*work)


def _memory(pid: int) -> tuple[float, float]:
    """Return private memory and proportional share in MiB; root alone may read this of a gateway."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {name: int(size) / 1024 for name, size in re.findall(r"(?m)^(\w+): +(\d+) kB", text)}
    return sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Pss"]


async def _measure_memory(upstream: int, folder: pathlib.Path, counts: tuple[int, int]) -> None:
    for count in counts:
        async with _running(count, upstream, folder) as gateway:
            await asyncio.sleep(2.0)
            for pid in kernel.family(gateway.pid):
                with contextlib.suppress(OSError):
                    private, share = _memory(pid)
                    rss = kernel.status_bytes(pid, "VmRSS:") / _MIB
                    print(
                        f"idle, workers: {count}  rss {rss:5.1f}  pss {share:5.1f}  alone {private:5.1f} MiB"
                    )


async def _cost_us(gateway: Gateway, duration_s: float) -> tuple[float, float]:
    """Return processor time per request in microseconds, and requests per second."""
    async with _load(gateway) as seen:
        await asyncio.sleep(0.5)
        before_ns, done, began_s = kernel.cpu_ns(gateway.pid), seen.done, time.monotonic()
        await asyncio.sleep(duration_s)
        used_ns, requests = kernel.cpu_ns(gateway.pid) - before_ns, seen.done - done
        took_s = time.monotonic() - began_s
    return used_ns / requests / 1000, requests / took_s


async def _measure_cost(upstream: int, folder: pathlib.Path, options: argparse.Namespace) -> None:
    ratios, rates = [], []
    async with (
        _running(1, upstream, folder) as one,
        _running(options.several, upstream, folder) as several,
    ):
        for number in range(options.pairs):
            order = (one, several) if number % 2 else (several, one)
            found = {gateway.pid: await _cost_us(gateway, options.duration) for gateway in order}
            ratios.append(found[several.pid][0] / found[one.pid][0])
            rates.append(found[several.pid][1] / found[one.pid][1])
            print(
                f"one worker {found[one.pid][0]:6.1f} us, {options.several} workers "
                f"{found[several.pid][0]:6.1f} us per request"
            )
    print(f"processor time per request, ratio {_quartiles(ratios)}; requests per second {_quartiles(rates)}")


def _quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


async def _counted(gateway: Gateway) -> float:
    text = await _page(gateway.admin, "/metrics")
    return sum(map(float, re.findall(r"(?m)^gateway_requests_total\{.*\} (\S+)$", text)))


async def _queued(gateway: Gateway) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    pairs = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(_QUEUED)]
    for _, writer in pairs:
        writer.write(_REQUEST)
    return pairs


async def _kill_one(gateway: Gateway, victim: int) -> tuple[int, float]:
    """Kill a worker behind whose socket callers wait; return how many were lost, and how long they waited."""
    os.kill(victim, signal.SIGSTOP)
    pairs = await _queued(gateway)
    os.kill(victim, signal.SIGKILL)
    began_s, lost = time.monotonic(), 0
    for reader, writer in pairs:
        try:
            async with asyncio.timeout(10):
                await _answer(reader)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            lost += 1
        writer.close()
    return lost, time.monotonic() - began_s


async def _measure_deaths(upstream: int, folder: pathlib.Path, options: argparse.Namespace) -> bool:
    lost, waits_s, falls, known = 0, [], 0, 0.0
    async with _running(4, upstream, folder) as gateway, _load(gateway) as seen:
        await asyncio.sleep(1.0)
        for number in range(options.deaths):
            victim = gateway.workers()[number % 4]
            now_lost, wait_s = await _kill_one(gateway, victim)
            lost += now_lost
            waits_s.append(wait_s)
            await asyncio.sleep(options.pause)
            counted = await _counted(gateway)
            falls += counted < known
            known = counted
    print(f"{options.deaths} workers of 4 killed: {lost} of {options.deaths * _QUEUED} queued callers lost")
    print(f"their last one was served after {max(waits_s):.2f} s at most; counters fell {falls} times")
    print(f"of callers with kept connections, {seen.broken} exchanges broke, {seen.done} did not")
    most = options.deaths * _CALLERS * 4  # a killed worker has no more than all of them
    return not lost and not falls and max(waits_s) < 1.0 and seen.broken <= most


async def _run(options: argparse.Namespace, folder: pathlib.Path) -> bool:
    (port,) = free_ports(1)
    upstream = await asyncio.create_subprocess_exec(sys.executable, "-c", _UPSTREAM, str(port))
    try:
        await asyncio.sleep(1.0)
        await _measure_memory(port, folder, (1, options.several))
        if options.pairs:
            await _measure_cost(port, folder, options)
        return await _measure_deaths(port, folder, options)
    finally:
        upstream.terminate()
        await upstream.wait()


def main() -> None:
    """Run it, and exit with what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, count in (("several", 2), ("pairs", 10), ("deaths", 8)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--duration", type=float, default=3.0, help="seconds of load in each half of a pair")
    parser.add_argument(
        "--pause", type=float, default=15.0, help="seconds between deaths: fewer are a crash loop"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if uvloop.run(_run(options, pathlib.Path(folder))) else 1)


if __name__ == "__main__":
    main()
