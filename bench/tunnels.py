"""`python -m bench.tunnels`: what open tunnels cost, slow readers among them, through a reload and a drain.

Of `--tunnels` tunnels, `--slow` have an upstream that sends without end and a caller that reads nothing.
Memory is read before and behind them; then the gateway reloads, and is told to end.

Exit status 0 if the reload ended no tunnel, each caller that reads got a Close 1001, these were spread
over the first half of the grace, and the gateway ended within it; else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import signal
import sys
import tempfile
from typing import Final

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench import kernel
from bench.processes import free_ports

_KIB: Final = 1024
_GRACE_S: Final = 8
_GOING_AWAY: Final = 1001


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


def _configuration(listen: int, upstream: int, *, more: bool) -> str:
    paths = ["/", "/more"] if more else ["/"]
    tunnel = {"close_timeout": "1s"}
    routes = [{"path": path, "upstream": f"http://127.0.0.1:{upstream}", "tunnel": tunnel} for path in paths]
    log = {"access": "off", "level": "error"}
    limits = {"tunnels": 10_000, "tunnels_per_caller": 10_000}
    whole = {"listen": f"127.0.0.1:{listen}", "admin": "off", "log": log, "limits": limits}
    return json.dumps(whole | {"grace": f"{_GRACE_S}s", "routes": routes})


async def _accepts(port: int) -> None:
    async with asyncio.timeout(30.0):
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


async def _run(options: argparse.Namespace, folder: pathlib.Path) -> bool:
    listen, port = free_ports(2)
    file = folder / "gateway.yaml"
    file.write_text(_configuration(listen, port, more=False))
    async with serve(_upstream, "127.0.0.1", port, compression=None):
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "-c", str(file)
        )
        try:
            await _accepts(listen)
            url = f"ws://127.0.0.1:{listen}"
            warm = await connect(url, proxy=None, compression=None)
            await _echoes([warm])
            before = kernel.rss_bytes(gateway.pid)
            quick = [
                await connect(url, proxy=None, compression=None)
                for _ in range(options.tunnels - options.slow)
            ]
            await _echoes(quick)
            quiet = kernel.rss_bytes(gateway.pid)
            slow = [
                await connect(f"{url}/flood", proxy=None, compression=None, max_queue=1)
                for _ in range(options.slow)
            ]
            await asyncio.sleep(3.0)  # until every buffer is full
            stuck = kernel.rss_bytes(gateway.pid)
            file.write_text(_configuration(listen, port, more=True))
            gateway.send_signal(signal.SIGHUP)
            await asyncio.sleep(2.0)
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
    codes = {code for code, _ in ends}
    first_s, last_s = (pick(at_s for _, at_s in ends) - began_s for pick in (min, max))
    print(f"a quiet tunnel   {(quiet - before) / max(1, len(quick)) / _KIB:.1f} KiB")
    print(f"a stuck tunnel   {(stuck - quiet) / max(1, len(slow)) / _KIB:.1f} KiB")
    print(
        f"close codes      {codes}, {first_s:.1f} to {last_s:.1f} s after SIGTERM, of {_GRACE_S} s of grace"
    )
    print(f"ended            after {took_s:.1f} s, with status {gateway.returncode}")
    return codes == {_GOING_AWAY} and last_s < 0.75 * _GRACE_S and took_s < _GRACE_S + 1


def main() -> None:
    """Run it, and exit with what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tunnels", type=int, default=500)
    parser.add_argument("--slow", type=int, default=100)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if uvloop.run(_run(parser.parse_args(), pathlib.Path(folder))) else 1)


if __name__ == "__main__":
    main()
