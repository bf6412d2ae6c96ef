"""The gateway's side: a configuration, read as often as it is asked for."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Self

from gateway.config_process.conversation import Crashed, Request, Result
from gateway.config_process.other_process import OtherProcess, ReadingFailed
from gateway.config_text import contents_now
from gateway.core.config_place import ConfigPlace, ConfigVariable
from gateway.core.config_state import Reading
from gateway.packing import CannotPack, unpacked

log: Final = logging.getLogger("gateway.config")

PATIENCE_S: Final = 60.0
"""For ten thousand routes in unusual YAML, on a tenth of a core."""
_STAYS: Final = (
    "the environment of a running process cannot be read again: this text stays as it was at the start, and "
    "only the files that it refers to were read again: restart the gateway to change it"
)


class ConfigReader:
    """Reads one configuration, each time in a process of its own.

    Args:
        place: where it is.
        environ: the variables that ``${env:NAME}`` refers to.
        patience_s: how long one reading may take.
    """

    def __init__(
        self, place: ConfigPlace, environ: Mapping[str, str], patience_s: float = PATIENCE_S
    ) -> None:
        self._place = place
        self._request = Request(place, environ, patience_s)
        self._newest = Reading(None)

    def begin(self) -> BegunReading:
        """Begin to read; the caller may do something else meanwhile."""
        return BegunReading(self._request, self._noted)

    def again(self) -> Reading:
        """Read anew, and say what cannot be read again; to be called in a thread."""
        with self.begin() as begun:
            again = begun.reading()
        if again.settings is None or not isinstance(self._place, ConfigVariable):
            return again
        return replace(again, warnings=(*again.warnings, f"{self._place}: warning: {_STAYS}"))

    def _noted(self, result: Result | ReadingFailed) -> Reading:
        """Return what was read, or the problem that nothing was: without a change, nothing is read again."""
        if not isinstance(result, Reading):
            problem = f"gateway: the configuration was not read: {_reason(result)}"
            watched = contents_now(self._place, self._newest.contents.keys() - {str(self._place)})
            result = Reading(None, (problem,), status=1, file=str(self._place), contents=watched)
        self._newest = result
        return result


def _reason(failure: Crashed | ReadingFailed) -> str:
    if isinstance(failure, Crashed):
        log.error("the reader of the configuration failed in the gateway\n%s", failure.traceback)
        return f"its reader failed in the gateway: {failure.traceback.strip().rpartition(chr(10))[2]}"
    return f"of the process that reads it: {failure}"


class BegunReading:
    """A reading under way. As a context, it ends the process that reads, whatever happens."""

    def __init__(self, request: Request, noted: Callable[[Result | ReadingFailed], Reading]) -> None:
        self._noted = noted
        self._process: OtherProcess | ReadingFailed
        try:
            self._process = OtherProcess(request)
        except ReadingFailed as failure:
            self._process = failure

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process that reads; None if it could not be started."""
        return self._process.process if isinstance(self._process, OtherProcess) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self._process, OtherProcess):
            self._process.close()

    def reading(self) -> Reading:
        """Wait for what is read; a failure is a problem like any other, and nothing is raised."""
        return self._noted(self._result())

    def _result(self) -> Result | ReadingFailed:
        if isinstance(self._process, ReadingFailed):
            return self._process
        try:
            result = unpacked(self._process.result())
        except ReadingFailed as failure:
            return failure
        except CannotPack as failure:
            return ReadingFailed(f"what it told cannot be used: {failure}")
        assert isinstance(result, Reading | Crashed)
        return result
