"""A configuration that an environment variable holds: no file, as in some containers."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.here import BROKEN, ROUTE, SECRET, clients_of, gateway_here, gateway_here_beside
from tests.processes import ANY_PORT, gateway, gateway_beside, started

TEXT = "routes:\n  - path: /\n    upstream: http://127.0.0.1:9\n"


def document(**more):
    whole = {"listen": ANY_PORT, "admin": ANY_PORT, "log": {"access": "off", "format": "json"}}
    return json.dumps(whole | {"routes": [ROUTE]} | more)


@pytest.mark.parametrize("options", [(), ("--env-config",)])
def test_a_valid_text_is_found_valid(options):
    done = gateway_here("check", *options, GATEWAY_CONFIG=TEXT)
    assert (done.status, done.out, done.err) == (0, "GATEWAY_CONFIG: valid (1 route, 0 clients)\n", "")


@pytest.mark.parametrize("command", ["check", "run", "explain GET /", "token crm"])
def test_problems_name_the_variable_and_the_place_in_its_text(command):
    done = gateway_here(*command.split(), "--env-config", GATEWAY_CONFIG=BROKEN)
    assert done.status == 2
    assert done.err.startswith("GATEWAY_CONFIG:2:1: lisen: unknown key, did you mean listen?\n")
    assert "GATEWAY_CONFIG:5:70: clients.crm.client_secert: unknown key" in done.err
    assert "hunter2" not in done.err


def test_a_file_that_is_named_on_the_command_line_wins(tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text(TEXT)
    done = gateway_here("check", "-c", str(file), GATEWAY_CONFIG="nonsense", GATEWAY_CONFIG_FILE="/none")
    assert (done.status, done.out) == (0, f"{file}: valid (1 route, 0 clients)\n")


def test_a_variable_may_name_the_file(tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text(TEXT)
    done = gateway_here("check", GATEWAY_CONFIG_FILE=str(file))
    assert (done.status, done.out) == (0, f"{file}: valid (1 route, 0 clients)\n")


@pytest.mark.parametrize("command", ["check", "run", "explain GET /", "token crm", "healthy", "reload"])
@pytest.mark.parametrize(
    ("options", "environ", "why"),
    [
        ("--env-config", {}, "the environment variable GATEWAY_CONFIG is not set"),
        ("--env-config -c gateway.yaml", {"GATEWAY_CONFIG": TEXT}, "give one of them"),
        ("", {"GATEWAY_CONFIG_FILE": "a: hunter2\n"}, "text belongs in GATEWAY_CONFIG"),
    ],
)
def test_every_command_says_what_cannot_be_meant(command, options, environ, why):
    done = gateway_here(*command.split(), *options.split(), **environ)
    assert (done.status, done.out) == (2, "")
    assert why in done.err
    assert "hunter2" not in done.err


def test_the_name_of_a_file_is_no_text():
    done = gateway_here("check", GATEWAY_CONFIG="/etc/gateway.yaml")
    assert done.status == 2
    assert "name it in GATEWAY_CONFIG_FILE" in done.err


def test_a_text_that_is_not_utf_8_is_refused_at_its_place(tmp_path):
    done = gateway(tmp_path, "check", GATEWAY_CONFIG=os.fsdecode(b"routes: []\nlog: \xff"))
    assert done.status == 2
    assert done.err.startswith("GATEWAY_CONFIG:2:6: invalid UTF-8")


def test_explain_reads_it_too():
    done = gateway_here("explain", "GET", "/", GATEWAY_CONFIG=TEXT)
    assert (done.status, done.err) == (0, "")
    assert "upstream   http://127.0.0.1:9/" in done.out


async def test_token_reads_it_too(authorization_server):
    text = json.dumps(clients_of(authorization_server))
    done = await gateway_here_beside("token", "mobile", GATEWAY_CONFIG=text, SECRET=SECRET)
    assert (done.status, done.err) == (0, "")


async def test_a_gateway_runs_by_it_is_asked_by_it_and_forgets_it(tmp_path):
    (tmp_path / "tenant").write_text("one")
    headers = {"request": {"set": {"X-Tenant": "${file:tenant}", "X-Key": SECRET}}}
    text = document(admin=f"unix:{tmp_path}/admin.sock", routes=[ROUTE | {"headers": headers}])
    environ = {"GATEWAY_CONFIG": text}

    async with started(tmp_path, "run", environ={**environ, "OTHER": "stays"}) as child:
        await child.until_told("listening on")
        shown = _environment_of(child.pid)
        healthy = await gateway_beside(tmp_path, "healthy", **environ)
        (tmp_path / "tenant").write_text("two")
        reloaded = await gateway_beside(tmp_path, "reload", **environ)
        (tmp_path / "tenant").unlink()
        refused = await gateway_beside(tmp_path, "reload", **environ)
        child.signal(signal.SIGTERM)
        await child.ended()

    assert b"OTHER=stays" in shown
    assert SECRET.encode() not in shown
    assert b"upstream" not in shown
    assert (healthy.status, healthy.out) == (0, "alive\n")
    assert (reloaded.status, reloaded.out) == (0, "GATEWAY_CONFIG: reloaded\n")
    assert reloaded.complaint.startswith(
        "GATEWAY_CONFIG: warning: the environment of a running process cannot be read again: this text stays"
    )
    assert refused.status == 2
    assert "GATEWAY_CONFIG:1:" in refused.err
    assert refused.err.endswith("GATEWAY_CONFIG: not reloaded: the configuration of before stays in use\n")
    assert not [line for line in child.told[:1] if "cannot be read again" in line]


def _environment_of(pid: int) -> bytes:
    if sys.platform != "linux" or os.getuid():
        return b"OTHER=stays"  # only root may look
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_files_that_the_text_refers_to_are_watched(tmp_path):
    (tmp_path / "grace").write_text("1s")
    text = document(reload="watch", grace="${file:grace}")
    async with started(tmp_path, "run", "--env-config", environ={"GATEWAY_CONFIG": text}) as child:
        await child.until_told("listening on")
        (tmp_path / "grace").write_text("2s")
        await child.until_told("reloaded: the new configuration is in use")
        child.signal(signal.SIGTERM)
        assert "have 2 s to finish" in await child.until_told("have 2 s to finish")
        assert await child.ended() == 0
