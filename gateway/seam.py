"""The private parts of aiohttp that are used, and whether the installed release has them.

The listener replaces the request loop of `web.RequestHandler` and the reading before it (`proxy.caller`,
`proxy.link`, `proxy.request_reader`), which no public interface allows. A minor release may change any of
that without notice, and a gateway that reads requests differently is a vulnerability.

Rules: a release that was not tested is refused. Every private name is listed here; a test checks that the
code uses no other. Nothing private of uvloop or httptools is used. The modules of `aiohttp.web` are imported
one by one: all of them together bring an application framework, 1.4 MiB that an idle gateway has no use for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Final

LOWEST: Final = (3, 14, 5)
BELOW: Final = (3, 15)

HANDLER: Final = frozenset(
    {
        "_buffer_paused",
        "_close",
        "_drain_helper",
        "_force_close",
        "_loop",
        "_messages",
        "_parser",
        "_paused",
        "_pause_reading_for_buffer",
        "_reading_paused",
        "_resume_reading_for_buffer",
        "_resume_transport_reading",
        "_task_handler",
        "_waiter",
        "connection_lost",
        "connection_made",
        "data_received",
        "force_close",
        "handle_error",
        "max_field_size",
        "max_headers",
        "max_line_size",
        "pause_writing",
        "resume_writing",
        "start",
        "transport",
        "writing_paused",
    }
)
"""What our connections read, call or replace of `web.RequestHandler`."""

SERVER: Final = frozenset({"_connections", "_loop", "connection_made", "connections", "pre_shutdown"})
"""The same of `web.Server`."""

PARSER: Final = frozenset({"feed_data"})
"""The same of `http.HttpRequestParser`, the one in C."""

_AT_THE_IMPORT: Final = {
    "SSL_CERT_FILE": "/nonexistent",
    "SSL_CERT_DIR": "/nonexistent",
    "FROZENLIST_NO_EXTENSIONS": "1",
}
_RELEASE: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def refusal() -> str | None:
    """Return in one line why the gateway cannot run with the installed aiohttp; None if it can."""
    # `gateway --help` does not need it.
    with _with_nothing_to_spare():
        import aiohttp.http  # noqa: PLC0415
    from aiohttp.web_protocol import RequestHandler  # noqa: PLC0415
    from aiohttp.web_server import Server  # noqa: PLC0415

    used = SimpleNamespace(
        __version__=aiohttp.__version__,
        http=aiohttp.http,
        web=SimpleNamespace(RequestHandler=RequestHandler, Server=Server),
    )
    return wrong_release(aiohttp.__version__) or wrong_parts(used)


@contextmanager
def _with_nothing_to_spare() -> Iterator[None]:
    """Keep aiohttp from loading what the gateway never uses: 3 MiB, and 40 ms of processor time.

    It makes a TLS context of its own as it is imported, and reads the system's certificate authorities into
    it; one that trusts nobody is the safer one if it ever were used. `frozenlist` in C brings the library of
    C++, for lists of callbacks that stay empty. Nothing else runs yet that could look at these variables.
    """
    known = {name: os.environ.get(name) for name in _AT_THE_IMPORT}
    os.environ.update(_AT_THE_IMPORT)
    try:
        yield
    finally:
        for name, value in known.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def wrong_release(version: str) -> str | None:
    """Return why a release of aiohttp is refused; None if it is not."""
    found = _RELEASE.match(version)
    release = tuple(int(part or 0) for part in found.groups()) if found else ()
    if LOWEST <= release < BELOW:
        return None
    return (
        f"aiohttp {version} is installed, but only {_dotted(LOWEST)} up to, not including, {_dotted(BELOW)} "
        "is known to work: the listener replaces private parts of web.RequestHandler (_messages, _parser, "
        f"_waiter and others, gateway/seam.py); {_remedy()}"
    )


def wrong_parts(aiohttp: SimpleNamespace) -> str | None:
    """Return what a release with a known number lacks; None if nothing."""
    web, parser = aiohttp.web, aiohttp.http.HttpRequestParser
    if not parser.__module__.endswith("._http_parser"):
        return (
            "aiohttp runs without its C extension, and its Python parser accepts requests that the gateway "
            "must refuse: unset AIOHTTP_NO_EXTENSIONS, or install aiohttp from a wheel"
        )
    missing = [
        *(f"web.RequestHandler.{name}" for name in sorted(HANDLER - _names(web.RequestHandler))),
        *(f"web.Server.{name}" for name in sorted(SERVER - _names(web.Server))),
        *(f"http.HttpRequestParser.{name}" for name in sorted(PARSER - _names(parser))),
    ]
    if not missing:
        return None
    return f"aiohttp {aiohttp.__version__} lacks what the listener uses: {', '.join(missing)}; {_remedy()}"


def _names(kind: type) -> set[str]:
    """Return the attributes of a class, and those that its `__init__` sets on an instance."""
    code = getattr(kind.__init__, "__code__", None)  # type: ignore[misc]
    return {*dir(kind), *(code.co_names if code is not None else ())}


def _remedy() -> str:
    return f"pip install 'aiohttp>={_dotted(LOWEST)},<{_dotted(BELOW)}'"


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))
