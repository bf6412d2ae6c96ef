"""The units under `deploy/systemd`, as systemd itself judges them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[1] / "deploy" / "systemd"
ANALYZE = shutil.which("systemd-analyze")

pytestmark = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def analyze(*arguments):
    return subprocess.run([ANALYZE, *arguments], check=False, capture_output=True, text=True, timeout=60)


def test_the_units_are_valid(tmp_path):
    """Nothing at all is said of them: an unknown key is a warning, and status 0."""
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/oauth-gateway/bin/gateway", sys.executable)
        (tmp_path / unit.name).write_text(text)
    done = analyze("verify", "--man=no", *map(str, tmp_path.iterdir()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_is_exposed_little():
    done = analyze("security", "--offline=true", "--no-pager", str(UNITS / "gateway.service"))
    found = re.search(r"Overall exposure level for gateway\.service: ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= 2.0
