"""The configuration, read anew while the gateway runs.

Rules:

- One reload at a time. Whoever asks during one gets another behind it, which sees the newest file; ten who
  ask get that one together.
- Nothing changes unless all of the new configuration can be used: its text, the files that it names, its
  addresses. What went wrong is logged with its place, a line each, and shown at ``/config``.
- The file is read and judged beside the loop, since a large one takes longer than the loop may wait.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from gateway.core.config_state import ConfigState, Reading
from gateway.core.settings.all_settings import ReloadTrigger, Settings
from gateway.generation import CannotChange

log: Final = logging.getLogger("gateway.config")


class Reloads:
    """Reloads the configuration, on one event loop.

    Args:
        first: the configuration in use.
        read: reads it anew; called in a thread.
        use: goes on under other settings, or raises and changes nothing.
        wall_s: seconds since 1970.
        told: is told when reloading begins, and when it is over.

    Attributes:
        state: how the configuration stands.
        newest: what was read last, whatever came of it.
    """

    def __init__(
        self,
        first: Reading,
        read: Callable[[], Reading],
        use: Callable[[Settings], Awaitable[None]],
        wall_s: Callable[[], float],
        told: Callable[[ConfigState], None],
    ) -> None:
        self._told = told
        self._read = read
        self._use = use
        self._wall_s = wall_s
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = self._is_closed = False
        self.state = ConfigState(first.sha256, wall_s())
        self.newest = first
        self._trigger = first.settings.reload if first.settings is not None else ReloadTrigger.SIGNAL

    def watched(self) -> Mapping[str, str] | None:
        """Return the contents whose change is to cause a reload; None where none is, or during a reload."""
        is_wanted = self._trigger is ReloadTrigger.WATCH and self._task is None
        return self.newest.contents if is_wanted else None

    def ask(self) -> None:
        """Reload soon: now, or once the reload under way is over."""
        if self._is_closed:
            return
        self._is_wanted = True
        self.state = replace(self.state, asks=self.state.asks + 1, is_reloading=True)
        if self._task is None:
            self._told(self.state)
            self._task = asyncio.get_running_loop().create_task(self._work())  # `close` awaits it

    async def settled(self) -> ConfigState:
        """Wait until no reload is under way or asked for, and return how the configuration stands."""
        while self._task is not None:
            await asyncio.shield(self._task)
        return self.state

    async def close(self) -> None:
        """Begin no reload any more, and wait for one that has begun."""
        self._is_wanted, self._is_closed = False, True
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _work(self) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = False
                self._note(await self._reload())
        finally:
            self._task = None
            self.state = replace(self.state, is_reloading=False)
            self._told(self.state)

    async def _reload(self) -> Reading:
        reading = Reading(None)
        try:
            reading = await asyncio.to_thread(self._read)
            if reading.settings is not None:
                await self._use(reading.settings)
        except (CannotChange, OSError, ssl.SSLError) as error:
            return replace(reading, settings=None, problems=(_placed(reading.file, str(error)),), status=1)
        except Exception:
            log.exception("the reload failed in the gateway")
            return Reading(None, ("the gateway failed; its log names the place",), status=1)
        return reading

    def _note(self, reading: Reading) -> None:
        self.newest = reading
        if reading.settings is not None:
            self._trigger = reading.settings.reload
        state, now_s = self.state, self._wall_s()
        attempts = state.attempts + 1
        for warning in reading.warnings:
            log.warning("%s", warning)
        if reading.settings is not None:
            told = ConfigState(reading.sha256, now_s, attempts, now_s, (), reading.warnings, asks=state.asks)
            self.state = replace(told, is_reloading=True)
            log.info("reloaded: the new configuration is in use")
            return
        self.state = replace(
            state,
            attempts=attempts,
            attempted_at_s=now_s,
            problems=reading.problems,
            warnings=reading.warnings,
            status=reading.status,
        )
        for problem in reading.problems:
            log.error("%s", problem)
        log.error("not reloaded: the configuration of before stays in use")


def _placed(file: str, problem: str) -> str:
    """Write a problem as others are: behind the file, and the line and column if it begins with them."""
    return f"{file}:{problem}" if problem[:1].isdigit() else f"{file}: {problem}" if file else problem
