"""The access log: one line per request that is over, JSON or readable.

Rules:

- Lines are assembled by hand, without `logging`: most members are numbers or words of ours. Only what a
  caller (request id, method, path) or the configuration (route) supplies is quoted, as `json` quotes it.
- The members are those of `AccessRecord`, in its order; durations in milliseconds, times in UTC (RFC 3339).
- A request only hands its record over; lines are made many at a time (`line_writer`).
- Neither the query nor header fields are known here, so they cannot leak.
"""

from __future__ import annotations

from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final

from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.settings.all_settings import LogFormat
from gateway.observe.line_writer import LineWriter, Schedule
from gateway.observe.log import writes_json
from gateway.observe.text import escaped

_NO_RECOVERY: Final = Recovery.NONE  # the attribute of an Enum class is a slow look-up before Python 3.12


class AccessLog:
    """A `RequestObserver` that writes lines.

    Args:
        target: ``stdout``, ``stderr`` or the path of a file (`LogSettings.access`).
        style: `LogFormat.AUTO` writes readable lines to a terminal and JSON elsewhere.
        schedule: ``loop.call_later``.

    Raises:
        OSError: the file cannot be opened (only when made).
    """

    def __init__(self, target: str, style: LogFormat, schedule: Schedule) -> None:
        self._second = self._millisecond = -1
        self._second_text = self._time_text = ""
        self.writer: LineWriter[AccessRecord] = LineWriter(target, schedule, self._lines)
        self._is_json = writes_json(style, self.writer.is_terminal)

    def request_done(self, record: AccessRecord) -> None:
        """Queue the record; its line is written soon."""
        self.writer.write(record)

    def _lines(self, records: list[AccessRecord]) -> str:
        if self._is_json:
            return "".join([_json_line(each, self._time(each.started_at_s)) for each in records])
        return "".join([_text_line(each, self._time(each.started_at_s)) for each in records])

    def _time(self, at_s: float) -> str:
        """Format an instant; on a busy gateway most records share theirs with the record before."""
        second = int(at_s)
        millisecond = int((at_s - second) * 1000)
        if second != self._second:
            self._second, self._millisecond = second, -1
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._time_text = f"{self._second_text}.{millisecond:03d}Z"
        return self._time_text


def _json_line(record: AccessRecord, time: str) -> str:
    # Durations come first: one format among the braces below, and compiled code makes the whole line slowly.
    r = record
    total_ms = format(r.total_s * 1000, ".3f")
    token_ms = format(r.token_s * 1000, ".3f") if r.token_s else "0.000"
    upstream_ms = "null" if r.upstream_s is None else format(r.upstream_s * 1000, ".3f")
    recovery = "none" if r.recovery is _NO_RECOVERY else r.recovery.value
    return (
        f'{{"time":"{time}","request_id":{_quoted(r.request_id)},"route":{_quoted(r.route)}'
        f',"caller":{_quoted(r.caller)},"forwarded_for":"{r.forwarded_for}","method":{_quoted(r.method)},"path":{_quoted(r.path)}'
        f',"status":{r.status},"upstream_status":{r.upstream_status},"error":"{r.error}"'
        f',"request_bytes":{r.request_bytes},"answer_bytes":{r.answer_bytes}'
        f',"total_ms":{total_ms},"token_ms":{token_ms},"upstream_ms":{upstream_ms}'
        f',"token":"{r.token}","recovery":"{recovery}","cause":"{r.cause}"'
        f',"caller_id":{_quoted(r.caller_id)}{_more(r) if r.tunnel or r.upstream_address else ""}}}\n'
    )


def _more(record: AccessRecord) -> str:
    """Return the members that only records of tunnels and of groups have."""
    more = ""
    if record.tunnel:
        more = f',"tunnel":"{record.tunnel}","close_code":{record.close_code or "null"}'
    if record.upstream_address:
        more += f',"upstream_address":{_quoted(record.upstream_address)}'
    return more


def _text_line(record: AccessRecord, time: str) -> str:
    r = record
    parts = [
        f"{time[11:-1]} {r.status} {r.method} {r.path} {r.total_s * 1000:.2f} ms, {r.answer_bytes} B",
        f"route={r.route} caller={r.caller}" + (f" for={r.forwarded_for}" if r.forwarded_for else ""),
        f"id={r.request_id}",
    ]
    if r.upstream_status and r.upstream_s is not None:
        parts.append(f"upstream={r.upstream_status} in {r.upstream_s * 1000:.2f} ms")
    if r.upstream_address:
        parts.append(f"at={r.upstream_address}")
    if r.caller_id:
        parts.append(f"as={r.caller_id}")
    if r.tunnel:
        parts.append(f"tunnel={r.tunnel} close={r.close_code or '-'}")
    if r.token:
        parts.append(f"token={r.token}")
    if r.recovery is not _NO_RECOVERY:
        parts.append(f"recovery={r.recovery.value}")
    if r.error:
        parts.append(f"error={r.error}" + (f" cause={r.cause}" if r.cause else ""))
    return escaped(" ".join(parts)) + "\n"
