"""What all tests share: the event loop is the one that the gateway runs on."""

from __future__ import annotations

import pytest
import uvloop

from tests.processes import is_free
from tests.time_lapse import TimeLapseLoop

pytest.register_assert_rewrite("tests.wire")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "time_lapse: the test's loop runs on a clock that is ten times as fast"
    )


def pytest_asyncio_loop_factories(config, item):
    if item.get_closest_marker("time_lapse") is not None:
        return {"time lapse": TimeLapseLoop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def demo_ports():
    """The demo has ports of its own, and no second one runs beside it."""
    if taken := [port for port in (8080, 8079, 9400, 9500) if not is_free(port)]:
        pytest.skip(f"the demo's ports {taken} are in use")
