"""Limit how many requests go to one authorization server at a time.

Rules:

- Places belong to a server, that is, to an origin and the proxy in front of it. A server that hangs takes
  none from another server, whatever certificates its clients present, and a proxy that hangs takes none
  from requests that do not use it.
- Waiting requests are served in turn and give up by themselves. The wait is not part of the request's
  timeouts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from gateway.core.cause import Cause
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.text.server_url import authority_of

MOST_AT_ONCE: Final = 16
NO_PLACE: Final = Failed(
    FailureKind.UNREACHABLE,
    f"{MOST_AT_ONCE} requests to the authorization server were under way already, "
    "and none of them ended in time; this one was not sent",
    cause=Cause.SERVER_BUSY,
    was_sent=False,
)


class NoPlace(Exception):
    """No request to the same server ended in time."""


class Places:
    """The places at all servers, for a process; belongs to one event loop."""

    def __init__(self) -> None:
        self._at: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, client: ClientSettings, url: str) -> AsyncIterator[None]:
        """Hold a place at the server of `url`, after waiting for as long as a request of `client` may take.

        Raises:
            NoPlace: none became free in time.
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
