"""`python -m bench.tunnels`: what open tunnels cost, slow readers among them, through a reload and a drain.

Of `--tunnels` tunnels, `--slow` have an upstream that sends without end and a caller that reads nothing.
Memory is read before and behind them; then the gateway reloads, and is told to end.

Exit status 0 if memory stayed within its bounds, the reload ended no tunnel, each caller that reads got a
Close 1001, these were spread over the first half of the grace, and the gateway ended within it; else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench import kernel
from bench.processes import free_ports

_KIB: Final = 1024
_WAIT_S: Final = 30.0
_GOING_AWAY: Final = 1001
_QUIET_KIB: Final = 32
_STUCK_KIB: Final = 576  # a read of 250 in each direction, and the tunnel itself


async def _upstream(socket: ServerConnection) -> None:
    """Send back what comes, or send without end."""
    try:
        if socket.request is not None and socket.request.path == "/flood":
            while True:
                await socket.send(bytes(16 * _KIB))
        async for message in socket:
            await socket.send(message)
    except ConnectionClosed:
        pass


@dataclass(frozen=True, slots=True)
class _Found:
    """What a quiet and a stuck tunnel cost, and how tunnels and gateway ended after SIGTERM."""

    quiet_kib: float
    stuck_kib: float
    codes: set[int | None]
    ends_s: list[float]
    took_s: float
    status: int | None


def _configuration(listen: int, upstream: int, grace_s: float, *, more: bool) -> str:
    target = f"http://127.0.0.1:{upstream}"
    routes: list[dict[str, object]] = [
        {"path": "/", "upstream": target, "tunnel": {"close_timeout": "1s"}},
        {"path": "/none", "upstream": target, "websocket": False},
    ]
    if not more:
        del routes[1]
    log = {"access": "off", "level": "error"}
    limits = {"tunnels": 10_000, "tunnels_per_caller": 10_000}
    whole = {"listen": f"127.0.0.1:{listen}", "admin": "off", "log": log, "limits": limits}
    return json.dumps(whole | {"grace": f"{round(1000 * grace_s)}ms", "routes": routes})


async def _accepts(port: int) -> None:
    async with asyncio.timeout(_WAIT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def _echoes(sockets: list[ClientConnection]) -> None:
    for socket in sockets:
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def _closed(socket: ClientConnection) -> tuple[int | None, float]:
    await socket.wait_closed()
    return socket.close_code, asyncio.get_running_loop().time()


async def _opened(url: str, count: int) -> list[ClientConnection]:
    return [await connect(url, proxy=None, compression=None, max_queue=1) for _ in range(count)]


async def _stands_still(pid: int, most_bytes: int) -> int:
    """Wait until the process takes no more memory, as once buffers are full, or too much; return how much."""
    last = 0
    async with asyncio.timeout(_WAIT_S):
        while last < (now := kernel.rss_bytes(pid)) <= most_bytes:
            last = now
            await asyncio.sleep(1.0)
    return now


async def _has_reloaded(url: str) -> None:
    """Wait until the route is there that takes no WebSocket."""
    async with asyncio.timeout(_WAIT_S):
        while True:
            try:
                await (await connect(f"{url}/none", proxy=None)).close()
            except InvalidStatus:
                return


async def _measured(options: argparse.Namespace, folder: pathlib.Path) -> _Found:
    listen, port = free_ports(2)
    file = folder / "gateway.yaml"
    file.write_text(_configuration(listen, port, options.grace, more=False))
    async with serve(_upstream, "127.0.0.1", port, compression=None):
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "-c", str(file)
        )
        try:
            await _accepts(listen)
            url = f"ws://127.0.0.1:{listen}"
            await _echoes(await _opened(url, 1))
            before = kernel.rss_bytes(gateway.pid)
            quick = await _opened(url, options.tunnels - options.slow)
            await _echoes(quick)
            quiet = kernel.rss_bytes(gateway.pid)
            slow = await _opened(f"{url}/flood", options.slow)
            stuck = await _stands_still(gateway.pid, quiet + 2 * options.slow * _STUCK_KIB * _KIB)
            file.write_text(_configuration(listen, port, options.grace, more=True))
            gateway.send_signal(signal.SIGHUP)
            await _has_reloaded(url)
            await _echoes(quick)
            began_s = asyncio.get_running_loop().time()
            gateway.send_signal(signal.SIGTERM)
            ends = await asyncio.gather(*map(_closed, quick))
            await gateway.wait()
            took_s = asyncio.get_running_loop().time() - began_s
            for socket in slow:
                socket.transport.abort()
        finally:
            if gateway.returncode is None:
                gateway.kill()
                await gateway.wait()
    return _Found(
        (quiet - before) / max(1, len(quick)) / _KIB,
        (stuck - quiet) / max(1, len(slow)) / _KIB,
        {code for code, _ in ends},
        sorted(at_s - began_s for _, at_s in ends),
        took_s,
        gateway.returncode,
    )


def _complaints(found: _Found, grace_s: float) -> Iterator[str]:
    """Yield what is not as it must be."""
    if found.quiet_kib > _QUIET_KIB or found.stuck_kib > _STUCK_KIB:
        yield f"a tunnel may cost {_QUIET_KIB} KiB if it is quiet, and {_STUCK_KIB} KiB if it is stuck"
    if found.codes != {_GOING_AWAY}:
        yield f"each caller that reads must get a Close {_GOING_AWAY}"
    middle_s = found.ends_s[len(found.ends_s) // 2]
    if not 0.1 * grace_s < middle_s < found.ends_s[-1] < 0.75 * grace_s:
        yield "Closes must be spread over the first half of the grace"
    if found.took_s > grace_s + 1:
        yield "it must end within the grace"


async def _run(options: argparse.Namespace, folder: pathlib.Path) -> bool:
    found = await _measured(options, folder)
    print(f"a quiet tunnel   {found.quiet_kib:.1f} KiB")
    print(f"a stuck tunnel   {found.stuck_kib:.1f} KiB")
    print(
        f"close codes      {found.codes}, {found.ends_s[0]:.1f} to {found.ends_s[-1]:.1f} s after SIGTERM, "
        f"of {options.grace:g} s of grace"
    )
    print(f"ended            after {found.took_s:.1f} s, with status {found.status}")
    complaints = list(_complaints(found, options.grace))
    for each in complaints:
        print(f"MISS             {each}")
    return not complaints


def main() -> None:
    """Run it, and exit with what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tunnels", type=int, default=500)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--grace", type=float, default=8.0, help="seconds that the gateway has to end")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if uvloop.run(_run(parser.parse_args(), pathlib.Path(folder))) else 1)


if __name__ == "__main__":
    main()
