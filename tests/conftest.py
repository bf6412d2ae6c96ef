"""What all tests share: the event loop is the one that the gateway runs on."""

from __future__ import annotations

import pytest
import uvloop

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
