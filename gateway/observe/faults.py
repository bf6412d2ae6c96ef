"""Faults that no request answers for: in callbacks of the loop, timers, threads.

Rules: an exception's type and place are logged, never its text, which may quote a header or a token. Each
place is logged once a minute at most, with the number of faults in between. Each fault is counted, unless a
request counts it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final

QUIET_S: Final = 60.0
_MOST_PLACES: Final = 256
_PACKAGE: Final = str(Path(__file__).parents[1])
_IS_COUNTED: Final = "gateway_is_counted"

_LOGGER: Final = logging.getLogger("gateway.faults")


class Faults:
    """The exception handler of the loop (`loop.set_exception_handler`).

    Args:
        count: called for each fault that no request counts.
        now_s: monotonic.
    """

    def __init__(self, count: Callable[[], None], now_s: Callable[[], float]) -> None:
        self._count = count
        self._now_s = now_s
        self._quiet: dict[str, tuple[float, int]] = {}

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Count and log what the loop caught."""
        if not context.get(_IS_COUNTED):
            self._count()
        error = context.get("exception")
        place = place_of(error)
        now_s = self._now_s()
        until_s, untold = self._quiet.get(place, (now_s, 0))
        if now_s < until_s:
            self._quiet[place] = (until_s, untold + 1)
            return
        if len(self._quiet) >= _MOST_PLACES:
            self._quiet.clear()
        self._quiet[place] = (now_s + QUIET_S, 0)
        more = f", and {untold} times since this was last logged" if untold else ""
        _LOGGER.error("the gateway failed at %s%s", place, more, exc_info=error)


def report(loop: asyncio.AbstractEventLoop, error: Exception, *, is_counted: bool = False) -> None:
    """Report a fault that was caught. `is_counted`: a request fails with it, and counts it."""
    loop.call_exception_handler(
        {"message": "caught by the gateway", "exception": error, _IS_COUNTED: is_counted}
    )


def place_of(error: BaseException | None) -> str:
    """Name the innermost line of ours that an exception passed through, or else the innermost of all."""
    frames = extract_tb(error.__traceback__) if error is not None else []
    ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    if not frames:
        return "an unknown place"
    if ours:
        return f"gateway{ours[-1].filename.removeprefix(_PACKAGE)}:{ours[-1].lineno}"
    return f"{'/'.join(Path(frames[-1].filename).parts[-3:])}:{frames[-1].lineno}"


def tell_of_what_nobody_catches() -> None:
    """Log the exceptions that nobody catches, without their text, which Python would print."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _LOGGER.critical("the gateway failed", exc_info=(kind, error, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def unraisable(args: Any) -> None:
        if args.exc_value is not None:
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
