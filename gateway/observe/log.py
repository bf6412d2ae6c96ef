"""Operational records: what the gateway itself reports, by the standard `logging`.

Rules:

- Everything below the logger ``gateway`` is ours; it is written as one line, JSON or readable, with control
  characters escaped. A record may carry named values: ``extra={"fields": {...}}``.
- A library's record shows its logger, its level and the type of its exception, nothing else, and only when
  our level is debug: aiohttp quotes malformed header lines, credentials included.
- Of an exception, its type and the lines that it passed through are shown, not its text, which may quote
  others.
- A record that cannot be written is dropped silently: logging never harms a request.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Final, TextIO

from gateway.core.settings.all_settings import LogFormat
from gateway.observe.text import escaped

ROOT: Final = "gateway"


def set_up_logging(level: str, style: LogFormat, stream: TextIO) -> None:
    """Send all records to `stream`, whatever was set up before.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``; of our own records.
        style: `LogFormat.AUTO` writes readable lines to a terminal and JSON elsewhere.
        stream: as a rule ``sys.stderr``; it is not closed.
    """
    formatter = _JsonFormatter() if writes_json(style, stream.isatty()) else _TextFormatter()
    ours = logging.getLogger(ROOT)
    ours.propagate = False
    _replace_handlers(ours, _handler(stream, formatter))
    ours.setLevel(level.upper())
    _tame_libraries(_handler(stream, _Tamed(formatter)) if ours.isEnabledFor(logging.DEBUG) else None)


def tell(text: str) -> None:
    """Log what the operator is to see at any level."""
    ours = logging.getLogger(ROOT)
    ours.handle(logging.LogRecord(ROOT, logging.INFO, "", 0, text, None, None))


def warn(text: str) -> None:
    """Log a warning of what was found before anything ran."""
    logging.getLogger(ROOT).warning("%s", text)


def writes_json(style: LogFormat, is_terminal: bool) -> bool:
    """Decide between JSON and readable lines."""
    return style is LogFormat.JSON or (style is LogFormat.AUTO and not is_terminal)


def _tame_libraries(handler: logging.Handler | None) -> None:
    root = logging.getLogger()
    # Not simply none: without any, logging writes warnings to stderr itself (`logging.lastResort`).
    _replace_handlers(root, handler or logging.NullHandler())
    root.setLevel(logging.DEBUG if handler else logging.WARNING)


def _replace_handlers(logger: logging.Logger, handler: logging.Handler) -> None:
    for old in logger.handlers[:]:
        logger.removeHandler(old)
    logger.addHandler(handler)


class _SilentStreamHandler(logging.StreamHandler[TextIO]):
    """Does not print a traceback, with the record in it, when its stream fails."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Drop the record."""


def _handler(stream: TextIO, formatter: logging.Formatter) -> logging.Handler:
    handler = _SilentStreamHandler(stream)
    handler.setFormatter(formatter)
    return handler


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = dict(record.__dict__.get("fields", {}))
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception"] = record.exc_info[0].__name__
        frames = extract_tb(record.exc_info[2])
        fields["passed"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return fields


class _JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        members = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(members | _fields(record), default=str)


class _TextFormatter(logging.Formatter):
    """One readable line per record, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        parts = [time, f"{record.levelname.lower():7}", record.getMessage()]
        if record.name != ROOT and not record.name.startswith(f"{ROOT}."):
            parts.insert(2, f"[{record.name}]")
        fields = _fields(record)
        parts += [f"{name}={fields[name]}" for name in ("exception", "passed") if name in fields]
        return escaped(" ".join(parts))


class _Tamed(logging.Formatter):
    """Formats a record of a library without its text, its arguments and the text of its exception."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        # Made anew instead of cleaned: a field that nobody thought of cannot leak.
        text = "a library's record, its text withheld"
        tamed = logging.LogRecord(record.name, record.levelno, "", 0, text, None, None)
        tamed.created = record.created
        error = record.exc_info[0] if record.exc_info else None
        if error is not None:
            tamed.__dict__["fields"] = {"exception": error.__name__}
        return self._formatter.format(tamed)
