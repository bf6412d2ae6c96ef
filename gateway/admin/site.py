"""The unix socket of an admin listener."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web


class UnixSite(web.BaseSite):
    """A unix socket that is already bound, for which aiohttp has no site."""

    __slots__ = ("_bound",)

    def __init__(self, runner: web.ServerRunner, bound: socket.socket, backlog: int) -> None:
        super().__init__(runner, backlog=backlog)
        self._bound = bound

    @property
    def name(self) -> str:
        """The name, as aiohttp names sites."""
        return "http://unix:"

    async def start(self) -> None:
        """Serve."""
        await super().start()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(server, sock=self._bound, backlog=self._backlog)
