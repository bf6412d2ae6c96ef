"""A number of a process, and when that process began."""

import os
import subprocess
import sys
from pathlib import Path

from gateway.system.process_identity import started_ticks


def test_a_process_sees_of_itself_what_others_see():
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from gateway.system.process_identity import *; print(started_ticks({os.getpid()}))",
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert int(seen.stdout) == started_ticks() == started_ticks(os.getpid())


def test_a_number_without_a_process_has_no_start():
    assert started_ticks(2**31 - 1) is None
