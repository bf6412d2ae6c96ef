"""A mistake in the configuration ends each command with status 2; what is probably none is a warning."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.here import EXAMPLE, SECRET, gateway_here
from tests.processes import (
    Finished,
    gateway,
    running,
    write_configuration,
)

PROBLEMS = [
    "gateway.yaml:2:1: lisen: unknown key, did you mean listen?",
    "gateway.yaml:5:25: clients.crm.token_endpoint:",
    "gateway.yaml:5:70: clients.crm.client_secert: unknown key, did you mean client_secret?",
    "gateway.yaml:7:12: routes[0].path:",
    "gateway.yaml:7:57: routes[0].client: unknown client, did you mean crm?",
]


def assert_all_is_told(done, folder):
    lines = [line.removeprefix(f"{folder}/") for line in done.err.splitlines()]
    assert (done.status, done.out, len(lines)) == (2, "", len(PROBLEMS))
    assert [line for line, start in zip(lines, PROBLEMS, strict=True) if not line.startswith(start)] == []
    assert "hunter2" not in done.err
    assert not (folder / "access.log").exists()


def test_every_problem_is_told_at_once_and_nothing_is_started(tmp_path, broken):
    assert_all_is_told(gateway(tmp_path, "run"), tmp_path)


@pytest.mark.parametrize("command", ["token crm", "explain GET /"])
def test_every_command_tells_the_same_problems(tmp_path, broken, command):
    assert_all_is_told(gateway_here(*command.split(), "-c", str(broken)), tmp_path)


def test_check_tells_them_too_and_counts_them(tmp_path, broken):
    done = gateway_here("check", "-c", str(broken))
    told, _, last = done.err.rstrip("\n").rpartition("\n")

    assert_all_is_told(Finished(done.status, done.out, told), tmp_path)
    assert last == f"{broken}: invalid (5 problems)"


ODD = {
    "clients": {
        "crm": {
            "token_endpoint": "https://127.0.0.1:9/t",
            "client_id": "me",
            "client_secret": "${env:SECRET}",
        }
    },
    "routes": [{"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm", "preserve_host": True}],
}


def test_what_is_seldom_meant_is_a_warning_and_no_reason_to_refuse(tmp_path):
    file = write_configuration(tmp_path, ODD)

    done = gateway_here("check", "-c", str(file), SECRET=SECRET)

    assert done.status == 0
    (warning,) = done.err.splitlines()
    assert ": warning: routes[0].preserve_host: the caller's Host chooses" in warning
    assert done.out == f"{file}: valid (1 route, 1 client), 1 warning\n"


def test_warnings_are_counted_apart_from_problems(tmp_path):
    file = write_configuration(tmp_path, ODD | {"lisen": "127.0.0.1:0"})

    done = gateway_here("check", "-c", str(file), SECRET=SECRET)

    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"{file}: invalid (1 problem, 1 warning)"


async def test_a_start_logs_each_warning_once(tmp_path):
    async with running(tmp_path, ODD, {"SECRET": SECRET}) as child:
        child.signal(signal.SIGTERM)
        await child.ended()

    warnings = [line for line in child.told if "routes[0].preserve_host" in line]
    assert len(warnings) == 1
    assert json.loads(warnings[0])["level"] == "warning"


def test_a_demo_of_a_broken_configuration_starts_nothing(tmp_path, broken, demo_ports):
    assert_all_is_told(gateway(tmp_path, "demo", "-c", "gateway.yaml"), tmp_path)


def test_a_secret_that_is_not_in_the_environment_is_named_by_its_place():
    done = gateway_here("check", "-c", str(EXAMPLE), DEMO_SECRET=None, PARTNER_SECRET=None)

    assert done.status == 2
    assert len(done.err.splitlines()) == 3  # two problems, and how many they are
    assert "clients.mobile_android.client_secret" in done.err
    assert "DEMO_SECRET" in done.err
