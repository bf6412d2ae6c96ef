"""`python -m gateway` as a process of its own: what the operator types, sees and signals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.core.settings.listener_settings import Address

COMMAND = (sys.executable, "-m", "gateway")
ANY_PORT = "127.0.0.1:0"
WAIT_S = 20.0

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of stderr; more or fewer fail the test."""
        (line,) = self.err.splitlines()
        return line


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the developer's own: an empty home directory, and what the test gives."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], **more}


def gateway(folder: Path, *arguments: str, **environ: str) -> Finished:
    """Run a command to its end in a folder that is also its home."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


async def gateway_beside(folder: Path, *arguments: str, **environ: str) -> Finished:
    """The same while servers of this process answer it."""
    return await asyncio.to_thread(gateway, folder, *arguments, **environ)


def write_configuration(folder: Path, document: Document) -> Path:
    """Write a `gateway.yaml` (JSON is YAML) that listens on any port and keeps no access log."""
    file = folder / "gateway.yaml"
    whole = {"listen": ANY_PORT, "admin": ANY_PORT, "log": {"access": "off"}} | document
    file.write_text(json.dumps(whole), "utf-8")
    return file


class RunningGateway:
    """`gateway run`, from the line that says where it listens to its exit status.

    A naive helper would wait until the port answers: then a test of what comes first, the listening or the
    line, could not fail. This one knows the ports only from the line.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.told: list[str] = []
        self.address = self.admin = Address()

    @property
    def pid(self) -> int:
        return self.process.pid

    async def until_told(self, text: str) -> str:
        """Read stderr up to the next line that holds `text`."""
        assert self.process.stderr is not None
        async with asyncio.timeout(WAIT_S):
            while line := (await self.process.stderr.readline()).decode():
                self.told.append(line)
                if text in line:
                    return line
        raise AssertionError(f"it ended without saying {text!r}: {self.told}")

    async def until_printed(self, text: str) -> str:
        """Read stdout up to the line that holds `text`, and give all that was read."""
        assert self.process.stdout is not None
        read = ""
        async with asyncio.timeout(WAIT_S):
            while text not in read:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended without printing {text!r}: {read}"
                read += line
        return read

    async def until_listening(self) -> None:
        line = await self.until_told("listening on")
        addresses = [Address("127.0.0.1", int(port)) for port in re.findall(r"127\.0\.0\.1:(\d+)", line)]
        self.address, self.admin = addresses[0], addresses[-1]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end, and give the exit status."""
        async with asyncio.timeout(WAIT_S):
            _, err = await self.process.communicate()
        self.told += err.decode().splitlines(keepends=True)
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def running(
    folder: Path, document: Document, environ: Mapping[str, str] | None = None
) -> AsyncIterator[RunningGateway]:
    """Run a gateway that listens; it is gone at the end of the block, whatever happened."""
    file = write_configuration(folder, document)
    async with started(folder, "run", "-c", str(file), environ=environ or {}) as child:
        await child.until_listening()
        yield child


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, environ: Mapping[str, str], stdin: int | None = None
) -> AsyncIterator[RunningGateway]:
    """Start any command that lasts."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments,
        cwd=folder, env=environment(folder, **environ), stdin=stdin, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    child = RunningGateway(process)
    try:
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await child.ended()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read and write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def is_free(port: int) -> bool:
    """Whether a port of this machine can be had."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
