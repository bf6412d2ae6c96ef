"""How many workers `auto` means."""

from __future__ import annotations

import os

import pytest

from gateway.crew.cgroup import automatic_workers

PROCESSORS = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("own", "quotas", "workers"),
    [
        ("0::/\n", {"": "100000 100000"}, 1),
        ("0::/\n", {"": "max 100000"}, PROCESSORS),
        ("0::/a/b\n", {"a": "100000 100000", "a/b": "max 100000"}, 1),
        ("0::/a/b\n", {}, PROCESSORS),
        ("1:name=systemd:/a\n", {}, PROCESSORS),
        ("", {}, PROCESSORS),
    ],
)
def test_the_smallest_quota_around_counts(tmp_path, own, quotas, workers):
    (tmp_path / "own").write_text(own)
    for where, quota in quotas.items():
        (tmp_path / "root" / where).mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / where / "cpu.max").write_text(quota)
    assert automatic_workers(tmp_path / "own", tmp_path / "root") == workers
