"""The gateway as PID 1, as in a container without an init."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.processes import COMMAND, WAIT_S, RunningGateway, environment, write_configuration
from tests.wire.caller import RawCaller
from tests.wire.messages import request

NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def may_unshare():
    return (
        shutil.which("unshare") is not None
        and not subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode
    )


pytestmark = pytest.mark.skipif(
    not may_unshare(), reason="needs a PID namespace: `unshare` (Debian: util-linux) and root"
)


class First(RunningGateway):
    """Signals go to the gateway, not to `unshare` above it."""

    @property
    def pid(self) -> int:
        return children(super().pid)[0]

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)


def children(pid):
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@asynccontextmanager
async def first(folder, file, stdin=DEVNULL):
    process = await asyncio.create_subprocess_exec(
        *NAMESPACE, *COMMAND, "run", "-c", str(file),
        cwd=folder, env=environment(folder), stdin=stdin, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    child = First(process)
    try:
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await child.ended()


def file_for(folder, upstream):
    route = {"path": "/", "upstream": f"http://127.0.0.1:{upstream.port}"}
    return write_configuration(folder, {"routes": [route], "grace": "1h"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_it(tmp_path, upstream, number):
    async with first(tmp_path, file_for(tmp_path, upstream)) as child:
        await child.until_listening()
        child.signal(number)

        assert await child.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(tmp_path, upstream, number):
    """The default action, which ends other processes, does nothing to PID 1."""
    arrived = asyncio.Event()

    async def never(_):
        arrived.set()
        await asyncio.Event().wait()

    upstream.script = never
    async with first(tmp_path, file_for(tmp_path, upstream)) as child:
        await child.until_listening()
        caller = await RawCaller.connect(child.address)
        await caller.send(request("GET", "/"))
        await arrived.wait()
        child.signal(number)
        await child.until_told("stopping")
        child.signal(number)

        assert await child.ended() == 128 + number
        await caller.close()


async def test_it_ends_while_it_is_still_reading_its_configuration(tmp_path):
    reader, writer = os.pipe()
    async with first(tmp_path, "/dev/stdin", reader) as child:
        async with asyncio.timeout(WAIT_S):
            while not handles_sigterm(child):
                await asyncio.sleep(0.01)
        child.signal(signal.SIGTERM)

        assert await child.ended() == 128 + signal.SIGTERM
    os.close(reader)
    os.close(writer)


def handles_sigterm(child):
    """Whether it does, while it waits for a configuration that nobody writes."""
    try:
        status = Path(f"/proc/{child.pid}/status").read_text()
    except (OSError, IndexError):
        return False
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught & 1 << signal.SIGTERM - 1)


async def test_whoever_lost_its_parent_leaves_no_zombie(tmp_path, upstream):
    async with first(tmp_path, file_for(tmp_path, upstream)) as child:
        await child.until_listening()
        left_alone = "exec 3<&0; cat <&3 & exit 0"
        enter = ("nsenter", "--target", str(child.pid), "--pid", "sh", "-c", left_alone)
        reader, writer = os.pipe()
        await asyncio.to_thread(
            subprocess.run, enter, stdin=reader, stdout=subprocess.DEVNULL, check=True, timeout=WAIT_S
        )
        os.close(reader)
        async with asyncio.timeout(WAIT_S):
            while not children(child.pid):
                await asyncio.sleep(0.01)
        os.close(writer)  # the orphan comes to its end

        async with asyncio.timeout(WAIT_S):
            while children(child.pid):
                await asyncio.sleep(0.01)
