"""An aiohttp application on a loopback socket, for the duration of a ``with`` block."""

from __future__ import annotations

from typing import Final, Self

from aiohttp import web

HOST: Final = "127.0.0.1"


def bounded_number(text: str, most: int) -> int | None:
    """Read digits as a number up to `most`; None for anything else."""
    is_short = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    return int(text) if is_short and int(text) <= most else None


class DemoServer:
    """Serves the application that `application` returns; port 0 takes any free port.

    Raises:
        OSError: the port is in use (on entering).
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its URL, without a final slash; valid once it is entered."""
        return f"http://{HOST}:{self.port}"

    def application(self) -> web.Application:
        """Return the application to serve."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.port).start()
        except OSError:
            await runner.cleanup()
            raise
        self.port = runner.addresses[0][1]
        self._runner = runner
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
