"""What the service manager is told by a gateway that runs as a process, and what it hands over."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager

import pytest

from gateway.core.config_state import ConfigState
from gateway.system.service_manager import ServiceManager, service_manager, status_of
from tests.processes import (
    COMMAND,
    WAIT_S,
    RunningGateway,
    environment,
    gateway,
    gateway_beside,
    running,
    write_configuration,
)
from tests.test_server import ask

ROUTE = {"path": "/", "upstream": "http://127.0.0.1:9"}


class Manager:
    """A service manager's socket, whose messages are read in their order."""

    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.setblocking(False)

    async def message(self, beginning):
        """Return the next message that begins so, without signs of life before it, as its lines."""
        async with asyncio.timeout(WAIT_S):
            while True:
                told = await asyncio.get_running_loop().sock_recv(self.sock, 4096)
                if told.decode().startswith(beginning):
                    return dict(line.split("=", 1) for line in told.decode().splitlines())
                assert told == b"WATCHDOG=1", told


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.sock.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_life_is_told_from_ready_to_stopping(tmp_path, manager, workers):
    document = {"workers": workers, "admin": f"unix:{tmp_path}/admin.sock", "routes": [ROUTE], "grace": "7s"}
    async with running(tmp_path, document, {"NOTIFY_SOCKET": manager.path}) as child:
        ready = await manager.message("READY=1")
        assert ready["STATUS"].startswith("listening on 127.0.0.1:")

        before_usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        child.signal(signal.SIGHUP)
        begun = await manager.message("RELOADING=1")
        assert (
            before_usec <= int(begun["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        )
        assert (await manager.message("READY=1"))["STATUS"] == ready["STATUS"]

        write_configuration(tmp_path, document | {"lisen": 1})
        child.signal(signal.SIGHUP)
        await manager.message("RELOADING=1")
        refused = (await manager.message("READY=1"))["STATUS"]
        assert re.match(r"reload refused: \S+gateway\.yaml:1:\d+: lisen: unknown key", refused)

        child.signal(signal.SIGTERM)
        stopping = await manager.message("STOPPING=1")
        assert stopping["EXTEND_TIMEOUT_USEC"] == "12000000"
        assert await child.ended() == 0


async def test_signs_of_life_come_from_the_loop(tmp_path, manager):
    environ = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000"}
    async with running(tmp_path, {"routes": [ROUTE]}, environ):
        for _ in range(3):
            await manager.message("WATCHDOG=1") if _ else await manager.message("READY=1")


async def test_who_is_not_well_gives_no_sign_of_life(manager):
    told = ServiceManager(manager.path, 0.02)
    is_well = False
    told.watch(asyncio.get_running_loop(), lambda: is_well)
    with pytest.raises(BlockingIOError):
        manager.sock.recv(100)
    is_well = True
    assert await manager.message("WATCHDOG=1")
    told.close()


def test_a_watchdog_of_another_process_is_not_fed_and_nothing_is_left_for_children():
    environ = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1", "A": "b"}
    told = service_manager(environ, os.getpid())
    assert (told._address, told._watchdog_s, environ) == ("\0x", 0.0, {"A": "b"})


def test_a_socket_that_is_gone_costs_nothing(tmp_path):
    ServiceManager(str(tmp_path / "gone")).ready("well")
    ServiceManager().ready("well")


def test_a_status_is_one_line():
    state = ConfigState("", 0.0, problems=("g.yaml:1:1: a", "g.yaml:2:1: b"))
    assert status_of(state, "there") == "reload refused: g.yaml:1:1: a (and 1 more)"
    assert status_of(ConfigState("", 0.0), "there") == "there"


# ── sockets that are passed ──────────────────────────────────────────────────────────────────────

LAUNCH = """
import os, sys
moved, command = [int(each) for each in sys.argv[1].split(",")], sys.argv[2:]
for at, descriptor in enumerate(moved):
    os.dup2(descriptor, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(moved)), LISTEN_FDNAMES="a")
os.execv(command[0], command)
"""


@asynccontextmanager
async def launched(folder, sockets, document):
    """Start a gateway as systemd would, with `sockets` as its descriptors from 3 on."""
    write_configuration(folder, document)
    descriptors = [each.fileno() for each in sockets]
    command = [sys.executable, "-c", LAUNCH, ",".join(map(str, descriptors)), *COMMAND, "run"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment(folder), stdout=PIPE, stderr=PIPE, pass_fds=descriptors
    )
    child = RunningGateway(process)
    try:
        await child.until_listening()
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await child.ended()


def high(sock):
    """Move a socket to a descriptor that is in nobody's way."""
    moved = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 50))
    sock.close()
    return moved


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_passed_socket_is_used_and_outlives_listener_and_process(tmp_path, workers):
    with (
        high(socket.create_server(("127.0.0.1", 0))) as ours,
        high(socket.create_server(("127.0.0.1", 0))) as unasked,
    ):
        here = f"127.0.0.1:{ours.getsockname()[1]}"
        document = {"workers": workers, "listen": here, "routes": [ROUTE]}
        document["admin"] = f"unix:{tmp_path}/admin.sock"
        async with launched(tmp_path, [ours, unasked], document) as child:
            address = child.address
            assert str(address) == here
            assert f"a socket at 127.0.0.1:{unasked.getsockname()[1]}, which is not in `listen`" in "".join(
                child.told
            )
            assert (await ask(address)).status == 502

            write_configuration(tmp_path, document | {"listen": f"unix:{tmp_path}/other.sock"})
            assert (await gateway_beside(tmp_path, "reload")).status == 0
            waiting = asyncio.create_task(ask(address))  # in the queue, which is not ours to close
            write_configuration(tmp_path, document)
            assert (await gateway_beside(tmp_path, "reload")).status == 0
            assert (await waiting).status == 502

            child.signal(signal.SIGTERM)
            assert await child.ended() == 0
        socket.create_connection(ours.getsockname()).close()


async def test_a_passed_unix_socket_keeps_its_file(tmp_path):
    path = str(tmp_path / "gateway.sock")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)
        made.listen()
        with high(made) as ours:
            document = {"listen": f"unix:{path}", "routes": [ROUTE]}
            async with launched(tmp_path, [ours], document) as child:
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(path)


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


def with_credential(name="crm"):
    client = {"token_endpoint": "https://a/t", "client_id": "me", "client_secret": f"${{credential:{name}}}"}
    return {"clients": {"crm": client}, "routes": [ROUTE | {"client": "crm"}]}


def test_a_credential_is_read_from_its_directory(tmp_path):
    (tmp_path / "crm").write_text("a" * 20)
    write_configuration(tmp_path, with_credential())
    assert gateway(tmp_path, "check", CREDENTIALS_DIRECTORY=str(tmp_path)).status == 0
    missing = gateway(tmp_path, "check")
    assert missing.status == 2
    assert "CREDENTIALS_DIRECTORY is not set" in missing.err
    assert "LoadCredential=crm:/path" in missing.err


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_credential_leads_nowhere_else(tmp_path, name):
    write_configuration(tmp_path, with_credential(name))
    done = gateway(tmp_path, "check", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert done.status == 2
    assert "expected ${env:NAME}, ${file:/path} or ${credential:NAME}" in done.err
