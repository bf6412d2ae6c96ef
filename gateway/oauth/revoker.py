"""Retire living tokens that are no longer used, for clients that say so: `revoke: true` (RFC 7009), a logout.

Rules:

- A token that was replaced may still be on its way to an upstream, so it is retired `DELAY_S` later.
- A token in use is never retired: some servers hand out the same one again and again.
- At the end all are retired at once, within `CLOSE_WITHIN_S`. Those that could not be are reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.core.oauth.token_events import TokenObserver, TokenRevoked
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.token import Token
from gateway.oauth.maker import Maker

DELAY_S: Final = 10.0
CLOSE_WITHIN_S: Final = 5.0
_TOO_SLOW: Final = Failed(FailureKind.SLOW, "the authorization server did not answer before the end")


class Revoker:
    """Retires the unused tokens of a process; belongs to one event loop.

    Args:
        observer: told of each token.
        is_held: whether a token is in use.
    """

    def __init__(self, observer: TokenObserver, is_held: Callable[[Token], bool]) -> None:
        self._observer = observer
        self._is_held = is_held
        self._waiting: dict[bytes, tuple[Maker, Token, asyncio.TimerHandle]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def retire(self, maker: Maker, token: Token) -> None:
        """Take over a token that its source no longer uses."""
        if not maker.retires or token.field_value in self._waiting:
            return
        timer = asyncio.get_running_loop().call_later(DELAY_S, self._due, token.field_value)
        self._waiting[token.field_value] = (maker, token, timer)

    async def close(self) -> None:
        """Retire what is waiting, within `CLOSE_WITHIN_S` in all."""
        for key in list(self._waiting):
            self._due(key)
        tasks = list(self._tasks)
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=CLOSE_WITHIN_S)
        finally:  # also when this is cancelled: no task outlives it
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks)

    def _due(self, key: bytes) -> None:
        maker, token, timer = self._waiting.pop(key)
        timer.cancel()
        if self._is_held(token):
            return
        # Owned here, not by a task group: close() awaits it.
        task = asyncio.get_running_loop().create_task(self._retire_and_tell(maker, token))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _retire_and_tell(self, maker: Maker, token: Token) -> None:
        client = maker.client
        try:
            failed = await maker.retire(token)
        except asyncio.CancelledError:
            self._observer.told(TokenRevoked(client.name, token.fingerprint, _TOO_SLOW))
            raise
        self._observer.told(TokenRevoked(client.name, token.fingerprint, failed))
