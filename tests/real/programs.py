"""Programs that nobody here wrote: found, started, awaited, and ended by their own process id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

START_S = 60.0
LOOK_AGAIN_S = 0.01


class Missing(Exception):
    """A program is not there; the message says which, and what to install."""


def find(program: str, package: str) -> str:
    """Give the program's path; Debian keeps servers in /usr/sbin, which is not on everybody's PATH."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if found is None:
        raise Missing(f"{program} is not installed (Debian: apt-get install {package})")
    return found


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Give the mark of tests that skip, and say why, where the program is not there."""
    try:
        find(program, package)
    except Missing as missing:
        return pytest.mark.skip(str(missing))
    return pytest.mark.skipif(False, reason="it is there")


def free_port() -> int:
    """A port for a program that cannot be told to take any and say which."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@asynccontextmanager
async def running(
    command: Sequence[str | Path], log: Path, *ports: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server while the context lasts; it is ready when all of `ports` accept."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        for port in ports:
            await _accepts(port, process, log)
        yield process
    finally:
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


async def _accepts(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    # No program here tells that it listens; a connection that is accepted does.
    give_up_at_s = time.monotonic() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None or time.monotonic() > give_up_at_s:
                raise AssertionError(f"it does not listen on {port}:\n{log.read_text()}") from None
            await asyncio.sleep(LOOK_AGAIN_S)
        else:
            writer.close()
            await writer.wait_closed()
            return
