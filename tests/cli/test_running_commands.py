"""`gateway healthy` and `gateway reload`, against gateways that run as processes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.here import ROUTE
from tests.processes import environment, gateway, gateway_beside, running, write_configuration
from tests.wire.caller import RawCaller
from tests.wire.messages import request

NOBODY = 65534

NOTHING_SLOW = """
import io, sys
from gateway.cli import main
sys.stderr = io.StringIO()
try:
    main(["healthy", "-c", sys.argv[1]])
except SystemExit as end:
    assert end.code == 1, end
sys.stderr = sys.__stderr__
slow = {"asyncio", "pydantic", "aiohttp", "ruamel", "ssl", "uvloop", "gateway.config"}
slow |= {"email", "hashlib", "http", "logging", "subprocess"}
needed = ("gateway.cli", "gateway.core.config_place")
ours = {name for name in sys.modules if name.startswith("gateway.") and not name.startswith(needed)}
loaded = slow & set(sys.modules) | ours - {"gateway.core"}
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


@pytest.fixture
def everybodys_path() -> Iterator[Path]:
    """A folder that others may enter. Those of pytest are for one user, whom each run of pytest makes sure of."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def document(folder: Path, **more):
    return {"admin": f"unix:{folder}/admin.sock", "routes": [ROUTE], **more}


def test_a_health_check_loads_nothing_that_takes_long(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(f"admin: unix:{tmp_path}/none.sock\n")
    done = subprocess.run(
        [sys.executable, "-c", NOTHING_SLOW, str(file)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_gateway_that_lives_is_healthy_although_its_file_is_broken(tmp_path):
    async with running(tmp_path, document(tmp_path)):
        (tmp_path / "gateway.yaml").write_text(f"routes: [\nadmin: unix:{tmp_path}/admin.sock\n")
        lives = await gateway_beside(tmp_path, "healthy")
        ready = await gateway_beside(tmp_path, "healthy", "--ready")

    assert (lives.status, lives.out, lives.err) == (0, "alive\n", "")
    assert (ready.status, ready.out) == (0, "ready\n")


async def test_a_gateway_without_its_token_lives_but_is_not_ready(tmp_path):
    client = {"token_endpoint": "http://127.0.0.1:9/token", "client_id": "me", "client_secret": "a" * 20}
    whole = document(tmp_path, clients={"crm": client}, routes=[ROUTE | {"client": "crm"}])
    async with running(tmp_path, whole) as child:
        await child.until_told("crm")
        lives = await gateway_beside(tmp_path, "healthy")
        ready = await gateway_beside(tmp_path, "healthy", "--ready")

    assert (lives.status, ready.status) == (0, 1)
    assert "not ready: no token yet for crm (" in ready.complaint


@pytest.mark.parametrize("command", ["healthy", "reload"])
def test_where_no_gateway_runs_that_is_said(tmp_path, command):
    write_configuration(tmp_path, document(tmp_path))
    done = gateway(tmp_path, command)
    assert done.status == 1
    assert done.complaint == (
        f"gateway: unix:{tmp_path}/admin.sock: nothing listens on the address of `admin`: no gateway runs"
    )


@pytest.mark.parametrize("command", ["healthy", "reload"])
def test_where_there_is_no_admin_listener_that_is_said(tmp_path, command):
    write_configuration(tmp_path, {"admin": "off", "routes": [ROUTE]})
    done = gateway(tmp_path, command)
    assert done.status == 1
    assert "`admin` is off" in done.complaint


async def status_of(address, path):
    caller = await RawCaller.connect(address)
    try:
        return (await caller.ask(request("GET", path, "Connection: close"))).status
    finally:
        await caller.close()


async def test_a_reload_that_is_asked_for_is_over_when_the_command_ends(tmp_path):
    old, new = ([ROUTE | {"path": path}] for path in ("/old", "/new"))
    async with running(tmp_path, document(tmp_path, routes=old)) as child:
        before = await status_of(child.address, "/new")
        write_configuration(tmp_path, document(tmp_path, listen=str(child.address), routes=new))
        done = await gateway_beside(tmp_path, "reload")
        after = await status_of(child.address, "/new")

    assert (done.status, done.out, done.err) == (0, "gateway.yaml: reloaded\n", "")
    assert (before, after) == (404, 502)


async def test_a_broken_file_is_reported_as_check_reports_it(tmp_path):
    async with running(tmp_path, document(tmp_path)):
        file = str(write_configuration(tmp_path, document(tmp_path, lisen=1)))
        done = await gateway_beside(tmp_path, "reload", "-c", file)
        checked = await gateway_beside(tmp_path, "check", "-c", file)

    assert (done.status, checked.status) == (2, 2)
    assert done.err.splitlines()[:-1] == checked.err.splitlines()[:-1]
    assert done.err.splitlines()[-1] == f"{file}: not reloaded: the configuration of before stays in use"


async def test_what_cannot_be_used_exits_with_1_and_its_place(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        async with running(tmp_path, document(tmp_path)):
            taken = f"127.0.0.1:{theirs.getsockname()[1]}"
            write_configuration(tmp_path, document(tmp_path, listen=taken))
            of_address = await gateway_beside(tmp_path, "reload")
            tls = {"certificate": "none.pem", "key": "none.pem"}
            write_configuration(tmp_path, document(tmp_path, listen={"address": taken, "tls": tls}))
            of_file = await gateway_beside(tmp_path, "reload")

    assert (of_address.status, of_file.status) == (1, 1)
    place, words = (
        f"{tmp_path}/gateway.yaml:1:12: listen",
        "the address is in use: another process listens there",
    )
    assert of_address.err.splitlines()[0] == f"{place}: {taken}: {words}"
    assert "none.pem" in of_file.err


async def test_what_a_new_configuration_warns_of_is_printed(tmp_path):
    async with running(tmp_path, document(tmp_path)) as child:
        more = {"trusted_proxies": ["unix"], "listen": str(child.address)}
        write_configuration(tmp_path, document(tmp_path, **more))
        done = await gateway_beside(tmp_path, "reload")

    assert (done.status, done.out) == (0, "gateway.yaml: reloaded\n")
    assert "warning: trusted_proxies[0]: no listener is a unix socket" in done.complaint


def may_be_run_by_everybody(program: Path) -> bool:
    return all(
        folder.stat().st_mode & stat.S_IXOTH
        for path in (program, program.resolve())
        for folder in path.parents
    )


def gateway_of_nobody(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    become = f"import os, sys; os.setgroups([]); os.setuid({NOBODY}); os.execv(sys.argv[1], sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", become, sys.executable, "-m", "gateway", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(folder, PYTHONDONTWRITEBYTECODE="1"),
    )


as_another_user = pytest.mark.skipif(
    os.getuid() != 0 or not may_be_run_by_everybody(Path(sys.executable)),
    reason="only root can become another user, and only where that one may run this interpreter",
)


@as_another_user
@pytest.mark.parametrize("command", [("check",), ("explain", "GET", "/"), ("healthy",)])
def test_a_file_that_may_not_be_read_is_no_mistake_in_it(everybodys_path: Path, command):
    file = write_configuration(everybodys_path, document(everybodys_path))
    file.chmod(0)
    done = gateway_of_nobody(everybodys_path, *command, "-c", str(file))

    assert (done.returncode, done.stderr) == (1, f"gateway: {file}: cannot be read: Permission denied\n")


@as_another_user
async def test_who_may_not_signal_the_gateway_is_told_so(everybodys_path: Path):
    async with running(everybodys_path, document(everybodys_path)) as child:
        (everybodys_path / "admin.sock").chmod(0o666)
        (everybodys_path / "gateway.yaml").chmod(0o644)
        asked = ("reload", "-c", str(everybodys_path / "gateway.yaml"))
        done = await asyncio.to_thread(gateway_of_nobody, everybodys_path, *asked)

    assert done.returncode == 1
    assert f"this user may not signal the gateway (process {child.pid})" in done.stderr


async def test_a_process_that_only_has_the_same_number_is_not_signalled(tmp_path):
    """As where the admin listener is that of a gateway in another container."""
    innocent = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    page = {
        "pid": innocent.pid,
        "started_ticks": 1,
        "reloads_asked": 0,
        "is_reloading": False,
        "last_reload": None,
    }

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(page).encode())
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "admin.sock"):
        write_configuration(tmp_path, document(tmp_path))
        done = await gateway_beside(tmp_path, "reload")
    innocent.stdin.write(b"\n")

    assert (done.status, await innocent.wait()) == (1, 0)
    assert f"(process {innocent.pid}) is not a process of this machine or container" in done.complaint
