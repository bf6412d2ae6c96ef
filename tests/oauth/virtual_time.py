"""An event loop whose time passes at once when nobody has anything to do.

A naive fake clock would leave the loop's own timers in real time, so that back-off, pace and early refresh
could only be watched by sleeping. Here `loop.time()` itself jumps to the next timer, so an hour takes a
millisecond and two timers fire in the order of their instants. A test that waits for what can never
happen fails instead of hanging.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer is set")
        self.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on the clock of its selector."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a plain test of a coroutine, run on a loop of its own that must end without a task left."""

    @functools.wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(_leaving_no_task(test))

    del run.__wrapped__  # or pytest takes it for a coroutine again
    return run


async def _leaving_no_task(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    await test()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not faults, f"a timer or a task nobody awaits met an exception: {faults}"
