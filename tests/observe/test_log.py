import io
import json
import logging

import pytest

from gateway.core.settings.all_settings import LogFormat
from gateway.observe.log import ROOT, set_up_logging, writes_json

SECRET = "Authorization: Bearer access_token_1"


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self):
        return True


class Broken(io.StringIO):
    """A stream whose disk is full."""

    def write(self, _text):
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def logging_as_it_was():
    loggers = [logging.getLogger(), logging.getLogger(ROOT)]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def ours():
    return logging.getLogger(f"{ROOT}.test")


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("style", "is_terminal", "expected"),
    [
        (LogFormat.JSON, True, True),
        (LogFormat.JSON, False, True),
        (LogFormat.TEXT, True, False),
        (LogFormat.TEXT, False, False),
        (LogFormat.AUTO, True, False),
        (LogFormat.AUTO, False, True),
    ],
)
def test_auto_is_readable_on_a_terminal_only(style, is_terminal, expected):
    assert expected == writes_json(style, is_terminal)


def test_a_record_is_one_json_object(ours):
    stream = io.StringIO()
    set_up_logging("info", LogFormat.JSON, stream)
    ours.info("client %s: ready", "crm", extra={"fields": {"client": "crm"}})

    (line,) = lines(stream)

    assert line.pop("time")[-1] == "Z"
    assert line == {
        "level": "info",
        "logger": "gateway.test",
        "message": "client crm: ready",
        "client": "crm",
    }


def test_a_record_on_a_terminal_is_readable(ours):
    stream = Terminal()
    set_up_logging("info", LogFormat.AUTO, stream)
    ours.warning("disk nearly full")

    assert stream.getvalue().endswith(" warning disk nearly full\n")


@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
def test_a_record_cannot_be_forged(ours, style):
    stream = io.StringIO()
    set_up_logging("info", style, stream)
    ours.info("path %s", "a\n2026 error forged\x1b[2J\x7f\u202e")

    text = stream.getvalue()

    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    assert "forged" in text


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_the_level_is_that_of_our_records(ours, level, shown):
    stream = io.StringIO()
    set_up_logging(level, LogFormat.JSON, stream)
    for name in ("debug", "info", "warning", "error"):
        getattr(ours, name)("a")

    assert shown == len(lines(stream))


@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
def test_our_exceptions_show_their_type_and_way_but_not_their_text(ours, style):
    stream = io.StringIO()
    set_up_logging("info", style, stream)
    try:
        int(SECRET)
    except ValueError:
        ours.exception("the gateway failed")

    text = stream.getvalue()

    assert "ValueError" in text
    assert "test_log.py" in text
    assert SECRET not in text


@pytest.mark.parametrize("name", ["aiohttp.server", "asyncio", "anything"])
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_libraries_are_silent_above_debug(name, level, capsys):
    stream = io.StringIO()
    set_up_logging(level, LogFormat.JSON, stream)
    logging.getLogger(name).error("%s", SECRET)

    assert stream.getvalue() == ""
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["aiohttp.server", "asyncio"])
@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
def test_at_debug_libraries_show_who_how_bad_and_what_type(name, style):
    stream = io.StringIO()
    set_up_logging("debug", style, stream)
    try:
        {}[SECRET]
    except KeyError:
        logging.getLogger(name).exception(
            "bad %s", SECRET, extra={"fields": {"header": SECRET}}, stack_info=True
        )

    text = stream.getvalue()

    assert all(word in text for word in (name, "error", "KeyError"))
    assert "access_token_1" not in text
    assert "test_log" not in text


def test_a_stream_that_fails_harms_nobody(ours, capsys):
    set_up_logging("info", LogFormat.JSON, Broken())
    ours.info("%s", SECRET)

    assert capsys.readouterr() == ("", "")


def test_setting_up_twice_writes_once(ours):
    first, second = io.StringIO(), io.StringIO()
    set_up_logging("info", LogFormat.JSON, first)
    set_up_logging("info", LogFormat.JSON, second)
    ours.info("a")

    assert (first.getvalue(), len(lines(second))) == ("", 1)
