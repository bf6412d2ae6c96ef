import logging
import subprocess
import sys

import pytest

from gateway.core.text.http_time import read_retry_after
from gateway.observe.faults import QUIET_S, Faults, place_of, report

SECRET = "Bearer access_token_1"


class Time:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def failing():
    raise ValueError(SECRET)


def raised(function=failing):
    try:
        function()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return error


@pytest.fixture
def counted():
    return []


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def faults(counted, time):
    return Faults(lambda: counted.append(1), time)


def test_a_fault_is_counted_and_told_by_type_and_place_but_not_by_its_text(faults, counted, caplog):
    with caplog.at_level(logging.ERROR, "gateway.faults"):
        faults(None, {"message": f"text of a library: {SECRET}", "exception": raised()})

    (record,) = caplog.records
    assert "observe/test_faults.py:" in record.getMessage()
    assert record.exc_info[0] is ValueError
    assert SECRET not in record.getMessage()
    assert counted == [1]


def test_what_a_request_counts_is_only_told(faults, counted, caplog):
    class Loop:
        call_exception_handler = staticmethod(lambda context: faults(None, context))

    report(Loop, raised(), is_counted=True)
    report(Loop, raised())

    assert (counted, len(caplog.records)) == ([1], 1)


def test_one_place_is_told_of_once_a_minute_and_each_place_by_itself(faults, counted, time, caplog):
    def other():
        raise KeyError(SECRET)

    for _ in range(1000):
        faults(None, {"exception": raised()})
        faults(None, {"exception": raised(other)})
    time.now_s = QUIET_S
    faults(None, {"exception": raised()})

    assert len(counted) == 2001
    assert len(caplog.records) == 3
    assert caplog.messages[-1].endswith(", and 999 times since this was last logged")


def test_something_without_an_exception_is_a_fault_too(faults, counted, caplog):
    faults(None, {"message": SECRET})

    assert (counted, caplog.messages) == ([1], ["the gateway failed at an unknown place"])


def test_the_place_is_the_innermost_line_of_ours():
    assert place_of(raised(lambda: read_retry_after(None, 0.0))).startswith("gateway/core/text/http_time.py:")


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('s3cr3t')",
        "import threading; t = threading.Thread(target=lambda: [][0] + int('s3cr3t')); t.start(); t.join()",
        "class C:\n  def __del__(self): int('s3cr3t')\nC()",
    ],
)
def test_what_nobody_catches_is_told_without_its_text(code):
    start = (
        "import sys; from gateway.observe.faults import *; from gateway.observe.log import *;"
        "set_up_logging('error', LogFormat.JSON, sys.stderr); tell_of_what_nobody_catches();\n"
    )

    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)

    (line,) = done.stderr.splitlines()
    assert '"exception": ' in line
    assert "s3cr3t" not in line
