"""What others on the machine may learn from the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.system.hardening import LIBRARIES_READ
from tests.processes import environment, running

SECRET = "correct-horse-battery-staple"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
CLIENTS = {
    "crm": {
        "token_endpoint": "http://127.0.0.1:9/token",
        "client_id": "me",
        "client_secret": "${env:CRM_SECRET}",
        "parameters": {"tenant": "of-${env:TENANT}"},
    }
}
DOCUMENT = {
    "clients": CLIENTS,
    "routes": [{"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm", "host": "${env:TZ_HOST}"}],
}
ENVIRON = {
    "CRM_SECRET": SECRET,
    "CRM_SECRET_AGAIN": SECRET,
    "TENANT": "acme-tenant",
    "TZ_HOST": "crm.example.com",
    "OTHER": "stays",
}


def ran(code, **environ):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


async def test_a_running_gateway_keeps_its_memory_and_its_environment_to_itself(tmp_path):
    async with running(tmp_path, DOCUMENT, ENVIRON) as child:
        proc = Path(f"/proc/{child.pid}")
        owner = proc.stat().st_uid
        limits = [line.split() for line in (proc / "limits").read_text().splitlines() if "core file" in line]
        shown = (proc / "environ").read_bytes() if os.getuid() == 0 else b"OTHER=stays"

    assert owner == 0  # as the kernel shows what is not dumpable
    assert limits == [["Max", "core", "file", "size", "0", "0", "bytes"]]
    assert SECRET.encode() not in shown
    assert b"acme-tenant" not in shown
    assert b"OTHER=stays" in shown


READS = {"run": "config_process.asking.ConfigReader.begin", "demo": "config.load_all"}


async def test_so_does_the_demo_before_it_reads_its_configuration(tmp_path):
    (tmp_path / "gateway.yaml").write_text("{")
    code = (
        "import ctypes, json, resource; from gateway.cli.commands import main;"
        "import gateway.config; import gateway.config_process.asking;"
        "seen = [];"
        "gateway.READS = lambda *_: seen.append(ctypes.CDLL(None).prctl(3)) or 1 / 0\n"
        "try: main(['COMMAND', '-c', 'gateway.yaml'], standalone_mode=False)\n"
        "except ZeroDivisionError: pass\n"
        "print(json.dumps([seen, resource.getrlimit(resource.RLIMIT_CORE)]))"
    )

    for command, reads in READS.items():
        done = subprocess.run(
            [sys.executable, "-c", code.replace("COMMAND", command).replace("READS", reads)],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout) == [[0], [0, 0]]


def test_only_variables_that_hold_a_value_go_and_none_that_libraries_read():
    code = (
        "import json, os; from gateway.system.hardening import forget_variables;"
        "forget_variables({'secret', '/ca.pem'});"
        "left = open('/proc/self/environ').read();"
        "print(json.dumps([os.environ.get('A'), os.environ.get('B'), os.environ.get('SSL_CERT_FILE'),"
        " 'A=secret' in left, 'B=secretive' in left, 'SSL_CERT_FILE=/ca.pem' in left]))"
    )

    assert ran(code, A="secret", B="secretive", SSL_CERT_FILE="/ca.pem") == [
        None,
        "secretive",
        "/ca.pem",
        False,
        True,
        True,
    ]
    assert "SSL" in LIBRARIES_READ


def test_a_process_that_is_not_dumpable_knows_its_own_descriptors_and_size():
    """Under another user, for root may read everything: the metrics of the process stay complete."""
    code = (
        "import json, os; from gateway.system.hardening import keep_memory_private; from gateway.observe.metrics import *;"
        "import gateway.observe.exposition; os.getuid() or os.setuid(65534); keep_memory_private();"
        "text = Metrics(Gauges('1', lambda: True, lambda: 0), lambda: 0.0).render().decode();"
        "print(json.dumps([line.split()[0] for line in text.splitlines() if line.startswith('process_')]))"
    )

    assert {"process_open_fds", "process_resident_memory_bytes", "process_max_fds"} <= set(ran(code))


def test_no_other_process_of_the_same_user_may_read_it():
    if os.getuid() != 0:
        pytest.skip("becoming somebody else takes root")
    code = (
        "import json, os, subprocess, sys; from gateway.system.hardening import keep_memory_private; os.setuid(65534);"
        "import ctypes; ctypes.CDLL(None).prctl(4, 1); look = f'/proc/{os.getpid()}/environ';"
        "read = lambda: subprocess.run(['cat', look], capture_output=True).returncode;"
        "before = read(); keep_memory_private(); print(json.dumps([before, read()]))"
    )

    assert ran(code) == [0, 1]
