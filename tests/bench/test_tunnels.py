"""Open tunnels, slow readers among them, through a reload and a drain: a small run of the benchmark."""

import subprocess
import sys
from pathlib import Path


def test_memory_is_bounded_a_reload_ends_nothing_and_the_drain_is_spread():
    done = subprocess.run(
        [sys.executable, "-m", "bench.tunnels", "--tunnels", "60", "--slow", "10", "--grace", "2"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, "MISS" in done.stdout) == (0, False), done.stdout + done.stderr
