"""Many callers at once, counted one by one: for what has to be exact, where wrk only counts by time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_PATIENCE_S = 30.0


def all_at_once(port: int, path: str, callers: int) -> list[int]:
    """Let so many connected callers send at once, and return their statuses; 0 stands for no answer."""
    return asyncio.run(_all_at_once(port, path, callers))


def in_turns(port: int, path: str, callers: int, requests_each: int) -> list[int]:
    """Let each caller send its requests one by one, and return all statuses; 0 stands for no answer."""
    return asyncio.run(_in_turns(port, path, callers, requests_each))


async def _all_at_once(port: int, path: str, callers: int) -> list[int]:
    connections = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(callers)))
    statuses = await asyncio.gather(*(_exchange(connection, path) for connection in connections))
    await _close(connections)
    return statuses


async def _in_turns(port: int, path: str, callers: int, requests_each: int) -> list[int]:
    series = await asyncio.gather(*(_series(port, path, requests_each) for _ in range(callers)))
    return [status for statuses in series for status in statuses]


async def _series(port: int, path: str, requests: int) -> list[int]:
    connection = await asyncio.open_connection("127.0.0.1", port)
    statuses = [await _exchange(connection, path) for _ in range(requests)]
    await _close([connection])
    return statuses


async def _exchange(connection: _Connection, path: str) -> int:
    reader, writer = connection
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        return await _in_time(_status(reader))
    except (OSError, EOFError, TimeoutError, ValueError):
        return 0


async def _in_time(answer: Awaitable[int]) -> int:
    async with asyncio.timeout(_PATIENCE_S):
        return await answer


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    fields = dict(line.split(b":", 1) for line in head[1:] if line)
    await reader.readexactly(int(fields[b"content-length"]))
    return int(head[0].split(b" ")[1])


async def _close(connections: Iterable[_Connection]) -> None:
    for _, writer in connections:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
