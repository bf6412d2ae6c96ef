import dataclasses
import json
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.settings.all_settings import LogFormat
from gateway.observe.access_log import AccessLog

from .samples import RECORD, record


def never(_delay_s, _callback):
    """A schedule that calls nothing: lines go out at `close`."""


def written(path, *records, style=LogFormat.JSON):
    log = AccessLog(str(path), style, never)
    for each in records:
        log.request_done(each)
    log.writer.close()
    return path.read_bytes().decode()


def read_back(path, *records):
    return [json.loads(line) for line in written(path, *records).splitlines()]


def test_a_record_becomes_one_json_line(tmp_path):
    assert read_back(tmp_path / "access.log", RECORD) == [
        {
            "time": "2023-11-14T22:13:20.250Z",
            "request_id": "0b7e1c1a",
            "route": "/crm",
            "caller": "127.0.0.1",
            "forwarded_for": "",
            "method": "GET",
            "path": "/crm/users",
            "status": 200,
            "upstream_status": 200,
            "error": "",
            "request_bytes": 0,
            "answer_bytes": 133,
            "total_ms": 12.5,
            "token_ms": 1.0,
            "upstream_ms": 10.0,
            "token": "ab12cd34",
            "recovery": "none",
            "cause": "",
            "caller_id": "",
        }
    ]


@pytest.mark.parametrize(("upstream_s", "told"), [(None, None), (0.0, 0.0), (0.000_04, 0.04)])
def test_no_exchange_is_not_one_that_took_no_time(tmp_path, upstream_s, told):
    (line,) = read_back(tmp_path / "log", record(upstream_s=upstream_s))
    assert line["upstream_ms"] == told


@pytest.mark.parametrize(
    ("started_at_s", "time"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.0, "2023-11-14T22:13:20.000Z"),
        (1_700_000_000.999_9, "2023-11-14T22:13:20.999Z"),
        (1_700_000_001.001_5, "2023-11-14T22:13:21.001Z"),
    ],
)
def test_the_time_is_cut_to_milliseconds(tmp_path, started_at_s, time):
    assert time == read_back(tmp_path / "access.log", record(started_at_s=started_at_s))[0]["time"]


def test_a_second_is_told_anew_when_it_changes(tmp_path):
    seconds = [1_700_000_000.5, 1_700_000_000.7, 1_700_000_001.0, 1_700_000_000.9]
    lines = read_back(tmp_path / "access.log", *(record(started_at_s=at_s) for at_s in seconds))

    assert [line["time"][-7:] for line in lines] == ["20.500Z", "20.700Z", "21.000Z", "20.900Z"]


@pytest.mark.parametrize("outcome", list(Recovery))
def test_the_outcome_of_a_recovery_is_told(tmp_path, outcome):
    assert outcome.value == read_back(tmp_path / "access.log", record(recovery=outcome))[0]["recovery"]


HOSTILE = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\\n\r\x00\x1b\x7f\x85\u2028\u202e\udc80'))


@settings(deadline=None)
@given(path=HOSTILE, request_id=HOSTILE, method=HOSTILE, route=HOSTILE, caller=HOSTILE)
def test_no_text_of_a_caller_breaks_a_json_line(tmp_path_factory, **texts):
    text = written(tmp_path_factory.mktemp("log") / "access.log", record(**texts))

    assert text.count("\n") == 1
    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    assert texts == {name: json.loads(text)[name] for name in texts}


SECONDS = st.floats(0, 1e6) | st.sampled_from([0.0, 0.000_000_5, 0.001, 0.999_999_5])
COUNTS = st.integers(0, 2**63)
RECORDS = st.builds(
    AccessRecord,
    started_at_s=st.floats(0, 253_402_300_799),
    request_id=HOSTILE,
    route=HOSTILE,
    caller=HOSTILE,
    forwarded_for=st.sampled_from(["", "203.0.113.7"]),
    method=HOSTILE,
    path=HOSTILE,
    status=COUNTS,
    upstream_status=COUNTS,
    error=st.sampled_from(["", "upstream_closed"]),
    request_bytes=COUNTS,
    answer_bytes=COUNTS,
    total_s=SECONDS,
    token_s=SECONDS,
    upstream_s=st.none() | SECONDS,
    token=st.sampled_from(["", "ab12cd34"]),
    recovery=st.sampled_from(Recovery),
    cause=st.sampled_from(["", "connection_refused"]),
)


def in_json(name, value):
    match name, value:
        case "started_at_s", _:
            second = int(value)
            at = datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()
            return f'"{at}.{int((value - second) * 1000):03}Z"'
        case _, float():
            return f"{value * 1000:.3f}"
        case _, Recovery():
            return json.dumps(value.value)
        case _:
            return json.dumps(value)


MEMBERS = [each.name for each in dataclasses.fields(AccessRecord)]


def json_line(each):
    """The line as `json` writes it, but for the durations, which have three decimals."""
    names = {name: name.removesuffix("_s") + "_ms" for name in ("total_s", "token_s", "upstream_s")}
    names["started_at_s"] = "time"
    members = {names.get(name, name): in_json(name, getattr(each, name)) for name in MEMBERS}
    if not each.tunnel:
        del members["tunnel"], members["close_code"]
    elif not each.close_code:
        members["close_code"] = "null"
    if not each.upstream_address:
        del members["upstream_address"]
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}\n"


@pytest.fixture(scope="module")
def log():
    made = AccessLog("/dev/null", LogFormat.JSON, never)
    yield made
    made.writer.close()


@settings(deadline=None)
@given(records=st.lists(RECORDS, max_size=3))
def test_every_line_is_the_json_of_its_record_byte_for_byte(log, records):
    assert log._lines(records) == "".join(map(json_line, records))


@settings(deadline=None)
@given(path=HOSTILE, request_id=HOSTILE, method=HOSTILE)
def test_no_text_of_a_caller_breaks_a_readable_line(tmp_path_factory, **texts):
    text = written(tmp_path_factory.mktemp("log") / "access.log", record(**texts), style=LogFormat.TEXT)

    assert text.count("\n") == 1
    assert text[:-1].isprintable()


@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
def test_no_control_byte_reaches_a_terminal(tmp_path, style):
    """JSON itself would let DEL and the C1 characters stand; what writes it here does not."""
    path = "/" + "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))

    assert written(tmp_path / "access.log", record(path=path), style=style)[:-1].isprintable()


def test_a_readable_line_tells_what_is_unusual(tmp_path):
    usual = written(tmp_path / "usual", RECORD, style=LogFormat.TEXT)
    unusual = record(status=502, upstream_status=0, token="", error="upstream_closed", recovery=Recovery.HELD)

    assert usual == (
        "22:13:20.250 200 GET /crm/users 12.50 ms, 133 B route=/crm caller=127.0.0.1 id=0b7e1c1a"
        " upstream=200 in 10.00 ms token=ab12cd34\n"
    )
    assert written(tmp_path / "unusual", unusual, style=LogFormat.TEXT) == (
        "22:13:20.250 502 GET /crm/users 12.50 ms, 133 B route=/crm caller=127.0.0.1 id=0b7e1c1a"
        " recovery=held error=upstream_closed\n"
    )


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::1"])
def test_the_client_that_a_trusted_proxy_tells_stands_in_both(tmp_path, address):
    forwarded = record(caller="unix", forwarded_for=address)

    assert read_back(tmp_path / "json", forwarded)[0]["forwarded_for"] == address
    assert f" caller=unix for={address} id=" in written(tmp_path / "text", forwarded, style=LogFormat.TEXT)


def test_auto_is_json_where_nobody_looks(tmp_path):
    json.loads(written(tmp_path / "access.log", RECORD, style=LogFormat.AUTO))


def test_the_file_is_not_for_everybody_to_read(tmp_path):
    written(tmp_path / "access.log", RECORD)

    assert (tmp_path / "access.log").stat().st_mode & 0o137 == 0


def test_a_file_is_continued(tmp_path):
    written(tmp_path / "access.log", RECORD)

    assert written(tmp_path / "access.log", RECORD).count("\n") == 2


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        AccessLog(os.fspath(tmp_path / "missing" / "access.log"), LogFormat.JSON, never)
