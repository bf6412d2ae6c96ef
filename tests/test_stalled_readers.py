"""Nobody reads what the gateway writes: requests go on, lost lines are counted, and the process still ends."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import socket
import sys
import termios
from asyncio.subprocess import DEVNULL
from contextlib import ExitStack, asynccontextmanager

import pytest

from gateway.core.settings.listener_settings import Address
from tests.processes import COMMAND, WAIT_S, environment, write_configuration
from tests.wire.caller import RawCaller
from tests.wire.messages import request

LONG = "/" + 7000 * "x"  # the path stands in the access record: 600 of them fill the queue


def a_stopped_terminal(ends):
    """As after Ctrl-S."""
    _, slave = (ends.enter_context(os.fdopen(end, "wb", 0)) for end in pty.openpty())
    termios.tcflow(slave, termios.TCOOFF)
    return slave.fileno()


def a_socket(ends):
    """As journald gives."""
    ours, theirs = (ends.enter_context(end) for end in socket.socketpair())
    return filled(theirs.fileno()) if ours else 0


def a_pipe(ends):
    _, write = (ends.enter_context(os.fdopen(end, "wb", 0)) for end in os.pipe())
    return filled(write.fileno())


def filled(number):
    """Nothing more is taken, not even the line that says where it listens."""
    os.set_blocking(number, False)
    try:
        while True:
            os.write(number, bytes(65536))
    except BlockingIOError:
        os.set_blocking(number, True)
    return number


@asynccontextmanager
async def gateway_writing_to(number, name, folder, upstream, log):
    """It cannot say where it listens, hence unix sockets, which show."""
    listen, admin = Address(path=str(folder / "listen")), Address(path=str(folder / "admin"))
    document = {"listen": str(listen), "admin": str(admin), "log": log}
    document["routes"] = [{"path": "/", "upstream": f"http://127.0.0.1:{upstream.port}"}]
    file = write_configuration(folder, document)
    streams = {"stdout": DEVNULL, "stderr": DEVNULL, name: number}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "run", "-c", str(file), cwd=folder, env=environment(folder), **streams
    )
    try:
        async with asyncio.timeout(WAIT_S):
            while not (folder / "listen").exists():
                await asyncio.sleep(0.02)
        yield process, listen, admin
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def dropped(admin):
    caller = await RawCaller.connect(admin)
    body = (await caller.ask(request("GET", "/metrics", "Host: localhost", "Connection: close"))).body
    await caller.close()
    counts = re.findall(rb"^gateway_access_log_dropped_total (\S+)", body, re.MULTILINE)
    return float(counts[0])


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("stalled", [a_stopped_terminal, a_socket, a_pipe])
async def test_nobody_waits_for_a_reader_that_stalls(stalled, name, tmp_path, upstream):
    with ExitStack() as ends:
        number = stalled(ends)
        log = {"access": name, "level": "debug"}
        async with gateway_writing_to(number, name, tmp_path, upstream, log) as (process, listen, admin):
            caller = await RawCaller.connect(listen)
            for _ in range(1500):
                assert (await caller.ask(request("GET", LONG))).status == 200
            counted = await dropped(admin)
            await caller.close()
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                status = await process.wait()

        assert status == 0
        assert 0 < counted < 1500
        assert os.get_blocking(number)


async def test_the_end_of_a_gateway_whose_log_nobody_reads_is_not_put_off(tmp_path, upstream):
    """Operational records alone: none of them is ever written, and the process ends all the same."""
    with ExitStack() as ends:
        number = a_pipe(ends)
        log = {"access": "off", "level": "debug"}
        async with gateway_writing_to(number, "stderr", tmp_path, upstream, log) as (process, _, _):
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await process.wait() == 0


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="becoming somebody else takes root")
async def test_a_pipe_of_another_user_is_written_too(tmp_path, upstream):
    """It cannot be reopened through /proc, so the gateway cannot make it non-blocking for itself alone."""
    code = (
        "import os; from gateway.observe.line_writer import LineWriter; os.setuid(65534);"
        "w = LineWriter('stdout', lambda s, c: None, ''.join); w.write('a\\n'); w.close(); os._exit(w.dropped)"
    )

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert (out, process.returncode) == (b"a\n", 0)
