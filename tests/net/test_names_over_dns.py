"""What becomes of names that move or fail, over real DNS packets: runs `tests/net/dns_scenes.py` alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import ways
from tests.net import alone

SCENES = Path(__file__).with_name("dns_scenes.py")


@pytest.mark.skipif(
    alone.way() is None,
    reason="needs namespaces for mounts and networks: `unshare` (Debian: util-linux), and a kernel that "
    "allows namespaces of users, or root",
)
def test_every_scene_ends_as_it_should(tmp_path):
    options = ("-q", "-p", "no:cacheprovider", "--way", ways.FAST if ways.is_fast() else ways.SLOW)
    status, told = alone.run(tmp_path, str(SCENES), *options)

    assert status == 0, told
    assert re.search(r"^\d+ passed in ", told, re.MULTILINE), told  # none was skipped
