"""`python -m bench.reloads`: reloads in turn while callers, streams and uploads are at work.

Each reload changes the routes, a client and the limits, each a third of the time. Nobody who uses what stays
may notice: no request fails, no connection or stream ends, the client that stays requests no token. Memory
is read after each reload.

Exit status 0 if all of that held, memory grew by less than `MOST_GROWTH_BYTES` after the tenth reload
and one generation is left at the end; else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import json
import pathlib
import signal
import statistics
import sys
import tempfile
from collections import Counter

import uvloop

from bench import kernel
from bench.processes import free_ports

MOST_GROWTH_BYTES = 2 * 1024 * 1024
_MIB = 1024 * 1024
_PAUSE_S = 0.02
_NEIGHBOURS = 10
"""A single reading of memory jumps by what was just being freed; medians of so many are compared."""


@dataclasses.dataclass(slots=True)
class Seen:
    """What callers and servers met."""

    statuses: Counter[str] = dataclasses.field(default_factory=Counter)
    tokens: Counter[str] = dataclasses.field(default_factory=Counter)
    ended: int = 0
    is_over: bool = False


async def _serve(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be the authorization server and the upstream, a request at a time."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            target, fields = _read(head)
            if "transfer-encoding" in fields:
                await _chunks(reader)
            else:
                await reader.readexactly(int(fields.get("content-length", 0)))
            if target == "/stream":
                await _stream(seen, writer)
                continue
            body = b"ok"
            if target == "/token":
                name = base64.b64decode(fields["authorization"].split()[1]).decode().partition(":")[0]
                seen.tokens[name] += 1
                token = {
                    "access_token": f"{name}-{seen.tokens[name]}",
                    "token_type": "Bearer",
                    "expires_in": 3600,
                }
                body = json.dumps(token).encode()
            kind = "Content-Type: application/json\r\n" if target == "/token" else ""
            writer.write(f"HTTP/1.1 200 OK\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    writer.close()


def _read(head: str) -> tuple[str, dict[str, str]]:
    line, *fields = head.splitlines()
    pairs = (field.partition(":") for field in fields if field)
    return line.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}


async def _chunks(reader: asyncio.StreamReader) -> int:
    total = 0
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readexactly(2)
    return total


async def _stream(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not seen.is_over:
        writer.write(b"1\r\nx\r\n")
        await asyncio.sleep(_PAUSE_S * 2)
    writer.write(b"0\r\n\r\n")


async def _call(seen: Seen, port: int) -> None:
    """Ask again and again on one connection, which must last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while not seen.is_over:
            writer.write(b"GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            seen.statuses[head[9:12].decode()] += 1
            await reader.readexactly(int(_read(head.decode())[1]["content-length"]))
            await asyncio.sleep(_PAUSE_S)
    except (ConnectionError, asyncio.IncompleteReadError):
        seen.ended += 1
    writer.close()


async def _watch(seen: Seen, port: int) -> None:
    """Read a stream to its end, which must not come before the others'."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen.statuses[(await reader.readuntil(b"\r\n\r\n"))[9:12].decode()] += 1
        await _chunks(reader)
    except (ConnectionError, asyncio.IncompleteReadError):
        seen.ended += 1
    seen.ended += not seen.is_over
    writer.close()


async def _upload(seen: Seen, port: int) -> None:
    """Send a body that grows as long as everything lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"POST /up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not seen.is_over and not reader.at_eof():
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(_PAUSE_S * 2)
        if not reader.at_eof():
            writer.write(b"0\r\n\r\n")
        seen.statuses[(await reader.readuntil(b"\r\n\r\n"))[9:12].decode()] += 1
    except (ConnectionError, asyncio.IncompleteReadError):
        seen.ended += 1
    writer.close()


def _configuration(ports: tuple[int, int, int], number: int) -> str:
    listen, admin, server = ports
    url = f"http://127.0.0.1:{server}"
    client = {"token_endpoint": f"{url}/token", "client_secret": "not a secret of anybody"}
    route = {"upstream": url, "timeouts": {"idle": "5m", "response": "5m"}}
    kept = [{"path": path, "client": "kept", **route} for path in ("/kept", "/stream", "/up")]
    other = {"path": f"/more{number // 3}", "client": "other", **route}
    return json.dumps(
        {
            "listen": f"127.0.0.1:{listen}",
            "admin": f"127.0.0.1:{admin}",
            "log": {"access": "off", "level": "error"},
            "limits": {"connections": 1000 + (number + 2) // 3},
            "clients": {
                "kept": {"client_id": "kept", **client},
                "other": {"client_id": "other", "scope": f"s{(number + 1) // 3}", **client},
            },
            "routes": [*kept, other],
        }
    )


async def _config(port: int) -> dict[str, object]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /config HTTP/1.0\r\nHost: localhost\r\n\r\n")
    page = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    found: dict[str, object] = json.loads(page)
    return found


async def _until(port: int, reloads: int) -> dict[str, object]:
    async with asyncio.timeout(60.0):
        while True:
            with contextlib.suppress(ConnectionError):
                page = await _config(port)
                if page["reloads"] == reloads and not page["is_reloading"]:
                    return page
            await asyncio.sleep(0.01)


async def _run(options: argparse.Namespace, folder: pathlib.Path) -> bool:
    seen = Seen()
    listen, admin, port = free_ports(3)  # in this order
    server = await asyncio.start_server(lambda *pair: _serve(seen, *pair), "127.0.0.1", port)
    file = folder / "gateway.yaml"
    file.write_text(_configuration((listen, admin, port), 0))
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", "run", "-c", str(file))
    try:
        await _until(admin, 0)
        kinds = [_call] * options.callers + [_watch] * options.streams + [_upload] * options.uploads
        work = [asyncio.create_task(kind(seen, listen)) for kind in kinds]
        await asyncio.sleep(1.0)
        memory = []
        for number in range(1, options.reloads + 1):
            file.write_text(_configuration((listen, admin, port), number))
            gateway.send_signal(signal.SIGHUP)
            page = await _until(admin, number)
            if page["last_reload"]["is_successful"] is not True:  # type: ignore[index]
                seen.statuses["a reload failed"] += 1
            await asyncio.sleep(options.pause)
            memory.append(kernel.rss_bytes(gateway.pid))
        seen.is_over = True
        await asyncio.gather(*work)
        await asyncio.sleep(2.5)
        left = (await _config(admin))["generations"]
    finally:
        gateway.terminate()
        await gateway.wait()
        server.close()
    return _judged(seen, memory, left)


def _judged(seen: Seen, memory: list[int], generations: object) -> bool:
    early = statistics.median(memory[_NEIGHBOURS : 2 * _NEIGHBOURS] or memory)
    late = statistics.median(memory[-_NEIGHBOURS:])
    print(f"responses          {dict(seen.statuses)}")
    print(f"ended connections  {seen.ended}")
    print(f"token requests     {dict(seen.tokens)}")
    print(f"generations        {generations}")
    print(
        f"memory             {early / _MIB:.1f} MiB after reloads 11 to 20, {late / _MIB:.1f} MiB at the end"
    )
    is_well = set(seen.statuses) == {"200"} and not seen.ended and seen.tokens["kept"] == 1
    return is_well and generations == 1 and late - early < MOST_GROWTH_BYTES


def main() -> None:
    """Run it, and exit with what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, count in (("reloads", 200), ("callers", 32), ("streams", 50), ("uploads", 8)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two reloads")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if uvloop.run(_run(options, pathlib.Path(folder))) else 1)


if __name__ == "__main__":
    main()
