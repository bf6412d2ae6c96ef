"""What all tests share: the event loop is the one that the gateway runs on."""

from __future__ import annotations

import fcntl
import os
import tempfile
from importlib import import_module
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import pytest
import uvloop

import gateway
from deploy import hot
from gateway.version import version
from tests import ways
from tests.processes import is_free
from tests.skipping_loop import SkippingLoop
from tests.time_lapse import TimeLapseLoop

pytest.register_assert_rewrite("tests.wire")


def pytest_addoption(parser):
    parser.addoption("--compiled", action="store_true", help="refuse to test modules that are not compiled")
    parser.addoption(
        "--way",
        choices=(ways.FAST, ways.SLOW),
        default=ways.FAST,
        help="how requests are served: see tests/ways.py",
    )


def pytest_report_header(config):
    way = config.getoption("way")
    return f"gateway: {version()}, from {Path(gateway.__file__).parent}; requests take the {way} way"


def pytest_sessionstart(session):
    """A suite that is to prove what is compiled must not run what lies here, silently."""
    if session.config.getoption("compiled"):
        loaders = {name: import_module(name).__loader__ for name in hot.modules()}
        if others := [name for name, one in loaders.items() if not isinstance(one, ExtensionFileLoader)]:
            raise pytest.UsageError(f"these modules are not compiled: {', '.join(others)}")


def pytest_configure(config):
    ways.choose(config.getoption("way"))
    config.addinivalue_line(
        "markers", "time_lapse: the test's loop runs on a clock that is ten times as fast"
    )
    config.addinivalue_line("markers", "skips_time: the test's loop skips time when nothing happens")
    config.addinivalue_line("markers", "interpreted: the test replaces what compiled code calls directly")
    if config.getoption("compiled"):  # mypyc's own way into a coroutine, which Python 3.12 deprecates
        config.addinivalue_line(
            "filterwarnings", "ignore:the .type, exc, tb. signature of throw:DeprecationWarning"
        )


def pytest_runtest_setup(item):
    if item.get_closest_marker("interpreted") is not None and item.config.getoption("compiled"):
        pytest.skip("the test replaces what compiled code calls directly")


def pytest_asyncio_loop_factories(config, item):
    if item.get_closest_marker("time_lapse") is not None:
        return {"time lapse": TimeLapseLoop}
    if item.get_closest_marker("skips_time") is not None:
        return {"skipping": SkippingLoop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def demo_ports():
    """The demo has ports of its own: tests that need them take turns, whichever process they run in."""
    with (Path(tempfile.gettempdir()) / f"oauth-gateway-tests-{os.getuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if taken := [port for port in (8080, 8079, 9400, 9500) if not is_free(port)]:
            pytest.skip(f"the demo's ports {taken} are in use")
        yield


@pytest.fixture
async def upstream():
    from tests.wire.servers import FakeUpstream  # noqa: PLC0415 - imported here, its assertions are rewritten

    server = FakeUpstream()
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def authorization_server():
    from tests.wire.authorization_server import FakeAuthorizationServer  # noqa: PLC0415 - as above

    server = FakeAuthorizationServer()
    await server.start()
    yield server
    await server.close()
