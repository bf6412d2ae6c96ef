"""How many requests go to one authorization server at the same time, and who waits for a place among them.

Rules:

- Places belong to a server, that is to an origin and the way to it: no server that hangs takes them from
  another one, whatever certificates its clients show, and no proxy that hangs from who asks without it.
- Who waits is served in turn, and gives up by itself: the wait is none of the request's time-outs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from gateway.core.cause import Cause
from gateway.core.client_settings import ClientSettings
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.server_url import authority_of

MOST_AT_ONCE: Final = 16
NO_PLACE: Final = Failed(
    FailureKind.UNREACHABLE,
    f"{MOST_AT_ONCE} requests to the authorization server were waiting for its answers already, "
    "and none of them ended in time; this one was not sent",
    cause=Cause.SERVER_BUSY,
    was_sent=False,
)


class NoPlace(Exception):
    """No request ended in time that goes to the same server."""


class Places:
    """The places at all servers of a process; belongs to one event loop."""

    def __init__(self) -> None:
        self._at: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, client: ClientSettings, url: str) -> AsyncIterator[None]:
        """Hold a place at the server of `url`, waiting for it as long as a request of `client` may last.

        Raises:
            NoPlace: there was none in time.
        """
        places = self._of((authority_of(url), client.reach.proxy))
        try:
            async with asyncio.timeout(client.reach.timeout_s):
                await places.acquire()
        except TimeoutError:
            raise NoPlace from None
        try:
            yield
        finally:
            places.release()

    def _of(self, server: Hashable) -> asyncio.Semaphore:
        places = self._at.get(server)
        if places is None:
            places = self._at[server] = asyncio.Semaphore(MOST_AT_ONCE)
        return places
