"""The access log: one line per request that is over, JSON or readable.

Rules:

- Written without `logging` and assembled by hand: most members are numbers or words of ours; only what a
  caller made (request id, method, path) or an owner (route) is quoted. A test reads such lines back.
- The members are those of `AccessRecord`, in its order; durations in milliseconds, time in UTC (RFC 3339).
- Neither the query nor a header field is known here, hence none can be leaked.
"""

from __future__ import annotations

from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final

from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.settings import LogFormat
from gateway.observe.line_writer import LineWriter, Schedule
from gateway.observe.log import writes_json
from gateway.observe.text import escaped

_NO_RECOVERY: Final = Recovery.NONE  # the attribute of an Enum class is a slow look-up before Python 3.12


class AccessLog:
    """A `RequestObserver` that writes lines."""

    def __init__(self, writer: LineWriter, is_json: bool) -> None:
        self.writer = writer
        self._is_json = is_json
        self._second = -1
        self._second_text = ""

    def request_done(self, record: AccessRecord) -> None:
        """Write the record's line, soon."""
        started_at_s = record.started_at_s
        second = int(started_at_s)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        time = f"{self._second_text}.{int((started_at_s - second) * 1000):03d}Z"
        self.writer.write(_json_line(record, time) if self._is_json else _text_line(record, time))


def open_access_log(target: str, style: LogFormat, schedule: Schedule) -> AccessLog:
    """Open the access log.

    Args:
        target: ``stdout``, ``stderr`` or the path of a file (`LogSettings.access`).
        style: `LogFormat.AUTO` writes readable lines to a terminal and JSON elsewhere.
        schedule: ``loop.call_later``.

    Raises:
        OSError: the file cannot be opened.
    """
    writer = LineWriter(target, schedule)
    return AccessLog(writer, writes_json(style, writer.is_terminal))


def _json_line(record: AccessRecord, time: str) -> str:
    r = record
    recovery = "none" if r.recovery is _NO_RECOVERY else r.recovery.value
    upstream_ms = "null" if r.upstream_s is None else f"{r.upstream_s * 1000:.3f}"
    return (
        f'{{"time":"{time}","request_id":{_quoted(r.request_id)},"route":{_quoted(r.route)}'
        f',"caller":{_quoted(r.caller)},"forwarded_for":"{r.forwarded_for}","method":{_quoted(r.method)},"path":{_quoted(r.path)}'
        f',"status":{r.status},"upstream_status":{r.upstream_status},"error":"{r.error}"'
        f',"request_bytes":{r.request_bytes},"answer_bytes":{r.answer_bytes}'
        f',"total_ms":{r.total_s * 1000:.3f},"token_ms":{r.token_s * 1000:.3f}'
        f',"upstream_ms":{upstream_ms}'
        f',"token":"{r.token}","recovery":"{recovery}","cause":"{r.cause}"}}\n'
    )


def _text_line(record: AccessRecord, time: str) -> str:
    r = record
    parts = [
        f"{time[11:-1]} {r.status} {r.method} {r.path} {r.total_s * 1000:.2f} ms, {r.answer_bytes} B",
        f"route={r.route} caller={r.caller}" + (f" for={r.forwarded_for}" if r.forwarded_for else ""),
        f"id={r.request_id}",
    ]
    if r.upstream_status and r.upstream_s is not None:
        parts.append(f"upstream={r.upstream_status} in {r.upstream_s * 1000:.2f} ms")
    if r.token:
        parts.append(f"token={r.token}")
    if r.recovery is not _NO_RECOVERY:
        parts.append(f"recovery={r.recovery.value}")
    if r.error:
        parts.append(f"error={r.error}" + (f" cause={r.cause}" if r.cause else ""))
    return escaped(" ".join(parts)) + "\n"
