"""What the command line says of itself, and how it refuses a wrong one."""

from __future__ import annotations

import platform

import pytest

from gateway import __version__
from tests.cli.here import EXAMPLE, EXAMPLE_SECRETS, gateway_here
from tests.processes import (
    gateway,
)


def test_the_version_says_what_is_loaded_and_what_runs_it(tmp_path, pytestconfig):
    kind = "compiled" if pytestconfig.getoption("compiled") else "pure Python"
    running = f"{platform.python_implementation()} {platform.python_version()}"

    assert gateway(tmp_path, "--version").out == f"gateway {__version__} ({kind}, {running})\n"


@pytest.mark.parametrize(
    "arguments", ["", "rum", "run --port 1", "token", "explain GET", "token nobody -c {example}"]
)
def test_a_wrong_command_line_ends_with_status_2(arguments):
    words = arguments.format(example=EXAMPLE).split()
    done = gateway_here(*words, **EXAMPLE_SECRETS)

    assert done.status == 2
    assert "Usage: " in done.err
