"""`gateway run` and `gateway demo` as processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from asyncio import to_thread
from pathlib import Path

import pytest

from gateway.core.settings.listener_settings import Address
from gateway.demo.run import example_file
from tests.cli.here import ROUTE, SECRET, clients_of
from tests.processes import (
    COMMAND,
    WAIT_S,
    environment,
    gateway_beside,
    running,
    started,
    write_configuration,
)
from tests.wire.caller import RawCaller
from tests.wire.messages import request


@pytest.mark.parametrize("level", ["info", "error"])
async def test_the_first_line_is_written_as_the_others_are_whatever_the_level(tmp_path, level):
    document = {"routes": [ROUTE], "log": {"access": "off", "level": level, "format": "json"}}
    async with running(tmp_path, document) as child:
        child.signal(signal.SIGTERM)
        await child.ended()

    first, *_ = map(json.loads, child.told)
    assert first["level"] == "info"
    assert re.fullmatch(
        r"gateway \S+: listening on 127\.0\.0\.1:\d+, admin on 127\.0\.0\.1:\d+", first["message"]
    )


async def test_it_serves_with_every_standard_stream_closed(tmp_path):
    address = f"{tmp_path}/gateway.sock"
    document = {"routes": [ROUTE], "listen": f"unix:{address}", "admin": "off", "log": {"access": "stdout"}}
    file = write_configuration(tmp_path, document)
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, "run", "-c", str(file))
    process = await asyncio.create_subprocess_exec(*closed, cwd=tmp_path, env=environment(tmp_path))
    try:
        async with asyncio.timeout(WAIT_S):
            while not Path(address).exists() and process.returncode is None:
                await asyncio.sleep(0.01)
        caller = await RawCaller.connect(Address(path=address))
        answers = [await caller.ask(request("GET", "/")) for _ in range(2)]
        await caller.close()
        process.send_signal(signal.SIGTERM)
        assert ([answer.status for answer in answers], await process.wait()) == ([502, 502], 0)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_reload_that_is_asked_for_while_it_starts_is_done_once_it_serves(tmp_path):
    """By default SIGHUP ends a process, and a service manager takes that for a clean end."""
    document = json.dumps({"listen": "127.0.0.1:0", "admin": "off", "routes": [ROUTE]})
    theirs, ours = os.pipe()
    async with started(tmp_path, "run", "-c", "/dev/stdin", environ={}, stdin=theirs) as child:
        os.close(theirs)
        async with asyncio.timeout(WAIT_S):
            while not catches(child.pid, signal.SIGHUP):
                await asyncio.sleep(0.01)
        child.signal(signal.SIGHUP)
        child.signal(signal.SIGUSR1)
        os.write(ours, document.encode())
        os.close(ours)
        await child.until_listening()
        told = [await child.until_told("reopening"), await child.until_told("reopening")]
        assert ["SIGHUP: reading" in "".join(told), "SIGUSR1: reopening" in "".join(told)] == [True, True]


def catches(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("schema",), ("--help",)])
def test_results_that_cannot_be_written_are_told_in_one_line(tmp_path, arguments):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "gateway: standard output: No space left on device\n")


async def test_a_variable_that_writes_tls_keys_to_a_file_is_warned_of(tmp_path):
    keys = tmp_path / "keys"
    document = {"routes": [ROUTE], "log": {"access": "off", "format": "json"}}
    async with running(tmp_path, document, {"SSLKEYLOGFILE": str(keys)}) as child:
        child.signal(signal.SIGTERM)
        await child.ended()

    (warning,) = [line for line in map(json.loads, child.told) if "SSLKEYLOGFILE" in line["message"]]
    assert warning["level"] == "warning"


async def test_a_running_gateway_shows_no_secret_to_other_processes(tmp_path, authorization_server):
    """`/proc/PID` is open to more than the operator; a secret from a file stands in none of it."""
    (tmp_path / "secret").write_text(SECRET)
    document = clients_of(authorization_server, f"${{file:{tmp_path}/secret}}")
    document["clients"].pop("partner")
    async with running(tmp_path, document) as child:
        await child.until_told("obtained, valid for")
        names = ("cmdline", "comm", "environ")[: 3 if os.getuid() == 0 else 2]  # the last is root's alone
        seen = [Path(f"/proc/{child.pid}/{name}").read_text() for name in names]
        child.signal(signal.SIGTERM)
        await child.ended()

    assert "gateway" in seen[0]
    assert SECRET not in "".join(seen + child.told)


USERS = "curl -i 'http://127.0.0.1:8080/crm/users?client=mobile_android'"


REVOKE = "curl -X POST http://127.0.0.1:9400/revoke-all"


PROMISED = [
    (USERS, ["200"]),
    (f"sleep 2; {USERS}", ["200"]),
    (f"{REVOKE}; {USERS}", ["200", "200"]),
    (REVOKE, ["200"]),
    ("curl -i -d 'two of them' http://127.0.0.1:8080/crm/orders", ["201"]),
    (f"curl -X POST http://127.0.0.1:9400/down; {REVOKE}", ["200", "200"]),
    (USERS, ["503"]),
    ("curl -X POST http://127.0.0.1:9400/up", ["200"]),
    ("curl -i 'http://127.0.0.1:9500/occ/v2/users?client=mobile_android'", ["401"]),
    ("curl http://127.0.0.1:8079/clients", ["200"]),
    ("curl http://127.0.0.1:8079/metrics", ["200"]),
]


def pasted(folder, line):
    """What a shell makes of a line; `.curlrc` lets each curl end by telling its status."""
    (folder / ".curlrc").write_text('silent\nwrite-out = "\\nstatus %{http_code}\\n"\n')
    done = subprocess.run(
        ["sh", "-c", line], env=environment(folder), capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_every_line_of_the_demo_does_what_it_promises(tmp_path, demo_ports):
    """On a life of 1 s, so that an expiry is worth waiting for."""
    async with started(tmp_path, "demo", "--lifetime", "1", environ={}) as child:
        banner = await child.until_printed("Ctrl-C ends it")
        assert f"The gateway's configuration is {example_file()}\n" in banner
        await child.until_printed("obtained")
        lines = re.findall(r"(?m)^ {5}(\S.*)$", banner)
        said = [await to_thread(pasted, tmp_path, line) for line in lines]
        child.signal(signal.SIGTERM)

        statuses = [re.findall(r"(?m)^status (\d+)$", text) for text in said]
        assert list(zip(lines, statuses, strict=True)) == PROMISED
        assert '"users": 5' in said[0]
        assert "urn:gateway:error:token_unavailable" in said[6]
        assert await child.ended() == 0
        assert child.told == []


async def test_a_configuration_of_ones_own_in_the_folder_does_not_change_the_demo(
    tmp_path, broken, demo_ports
):
    """Whoever wrote one as the README says, in the repository or elsewhere, still sees the demo."""
    async with started(tmp_path, "demo", environ={}) as child:
        await child.until_printed("Ctrl-C ends it")
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0


async def test_a_second_demo_names_the_port_that_is_taken(tmp_path, demo_ports):
    with socket.create_server(("127.0.0.1", 9400)):
        done = await gateway_beside(tmp_path, "demo")

    assert (done.status, done.out) == (1, "")
    assert "http://127.0.0.1:9400" in done.complaint


async def test_a_demo_whose_gateway_cannot_listen_says_so_before_it_says_what_to_paste(tmp_path, demo_ports):
    with socket.create_server(("127.0.0.1", 8080)):
        done = await gateway_beside(tmp_path, "demo")

    assert (done.status, done.out) == (1, "")
    assert "8080" in done.complaint
