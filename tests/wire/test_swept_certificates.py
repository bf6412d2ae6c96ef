"""Files of certificates that are replaced while nobody sends a request: the sweep looks at them.

A naive test would send a request, which looks by itself, or would watch an idle connection end, which its age ends
soon after.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gateway.core.settings.upstream_settings import Scheme
from tests.oauth.certificates import asking_context, pair_in
from tests.wire.rig import Rig
from tests.wire.servers import Changes


class Told(logging.Handler, Changes):
    """What is told of files."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        Changes.__init__(self)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.changed()


@pytest.fixture
def told():
    handler, logger = Told(), logging.getLogger("gateway.file")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_a_certificate_that_is_replaced_is_read_though_nobody_sends_a_request(
    tmp_path: Path, told: Told
):
    theirs, ours, newer = (pair_in(tmp_path / name) for name in ("theirs", "ours", "newer"))

    def routes(rig: Rig):
        https = {"scheme": Scheme.HTTPS, "ca_file": theirs.certificate, "certificate": ours}
        return [rig.route(upstream=rig.upstream_settings(**https), has_token=False)]

    async with Rig(routes=routes, upstream_tls=asking_context(theirs, ours)) as rig:
        assert (await rig.get()).status == 200
        Path(newer.certificate).replace(ours.certificate)
        wanted = f"tls.key: {ours.key} is not the key of {ours.certificate}; the last good one stays in use"
        await told.until(lambda: wanted in told.messages)
        assert (await rig.get()).status == 200
    assert told.messages.count(wanted) == 1
