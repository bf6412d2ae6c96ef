import logging
import os
import subprocess
import sys
import time

import pytest

from gateway.observe.line_writer import FLUSH_AFTER_S, FLUSH_LINES, LineWriter
from gateway.observe.sink import QUEUE_CHARACTERS

LOGGER = "gateway.log"
HUGE = "x" * (128 * 1024) + "\n"  # more than a pipe holds


class Schedule:
    """Collects what is scheduled; `run` plays the event loop's turn."""

    def __init__(self):
        self.due = []

    def __call__(self, delay_s, callback):
        assert delay_s == FLUSH_AFTER_S
        self.due.append(callback)

    def run(self):
        due, self.due = self.due, []
        for callback in due:
            callback()


@pytest.fixture
def schedule():
    return Schedule()


@pytest.fixture
def pipe(tmp_path):
    """A named pipe whose reader is there, and slow: its path, and the reading end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def served(writer):
    """Waits until the thread has written all that it was handed."""
    until(lambda: writer._sink._served == writer._sink._queued)
    return writer


def until(is_true):
    end_s = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def stalled(writer):
    """Fills the pipe and the queue behind it; gives how many lines were taken."""
    taken = 0
    while not writer.dropped:
        writer.write(HUGE)
        writer.flush()
        taken += 1
    return taken - writer.dropped


def drained(reader):
    data = b""
    try:
        while chunk := os.read(reader, 1 << 20):
            data += chunk
    except BlockingIOError:
        pass
    return data


def test_lines_wait_for_each_other_and_go_out_together(tmp_path, schedule):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    writer.write("a\n")
    writer.write("b\n")
    before = (tmp_path / "log").read_text()

    assert len(schedule.due) == 1
    schedule.run()
    served(writer)

    assert (before, (tmp_path / "log").read_text()) == ("", "a\nb\n")
    writer.close()


def test_a_later_line_is_scheduled_again(tmp_path, schedule):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    for line in ("a\n", "b\n"):
        writer.write(line)
        schedule.run()
        served(writer)

    assert (tmp_path / "log").read_text() == "a\nb\n"
    assert schedule.due == []
    writer.close()


@pytest.mark.parametrize(("lines", "out"), [(FLUSH_LINES - 1, 0), (FLUSH_LINES, FLUSH_LINES)])
def test_many_lines_do_not_wait(tmp_path, schedule, lines, out):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    for _ in range(lines):
        writer.write("a\n")
    served(writer)

    assert out == (tmp_path / "log").read_text().count("\n")
    writer.close()


def test_what_waits_goes_out_at_the_close(tmp_path, schedule):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    writer.write("a\n")
    writer.close()

    assert (tmp_path / "log").read_text() == "a\n"


def test_a_line_after_the_close_goes_nowhere(tmp_path, schedule):
    """The file's number may be somebody else's by then."""
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    writer.close()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    writer.write("late\n")
    schedule.run()

    assert ((tmp_path / "other").read_text(), writer.dropped) == ("", 1)
    os.close(other)


def test_a_renamed_file_is_left_and_a_new_one_begun(tmp_path, schedule):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    writer.write("old\n")
    (tmp_path / "log").rename(tmp_path / "log.1")
    writer.reopen()
    writer.write("new\n")
    writer.close()

    assert ((tmp_path / "log.1").read_text(), (tmp_path / "log").read_text()) == ("old\n", "new\n")


def test_the_old_file_is_kept_when_the_new_one_cannot_be_opened(tmp_path, schedule, caplog):
    (tmp_path / "logs").mkdir()
    writer = LineWriter(str(tmp_path / "logs" / "log"), schedule, "".join)
    (tmp_path / "logs").rename(tmp_path / "moved")

    with caplog.at_level(logging.ERROR, LOGGER):
        writer.reopen()
    writer.write("a\n")
    writer.close()

    assert caplog.messages == ["the access log cannot be reopened: No such file or directory"]
    assert (tmp_path / "moved" / "log").read_text() == "a\n"


def test_a_full_disk_costs_records_which_are_counted_and_told_of_once(schedule, caplog):
    writer = LineWriter("/dev/full", schedule, "".join)
    with caplog.at_level(logging.WARNING, LOGGER):
        for _ in range(3):
            writer.write("a\n")
            writer.write("b\n")
            schedule.run()
        served(writer)

    assert writer.dropped == 6
    expected = "the access log cannot be written: No space left on device; lines are dropped and counted"
    assert [expected] == caplog.messages
    writer.close()


def test_a_broken_pipe_costs_records_and_nothing_else(tmp_path, schedule):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = LineWriter(str(path), schedule, "".join)
    os.close(reader)
    writer.write("a\n")
    schedule.run()
    served(writer)

    assert writer.dropped == 1
    writer.close()


def test_a_pipe_that_is_read_again_is_told_of(pipe, schedule, caplog):
    path, reader = pipe
    writer = LineWriter(str(path), schedule, "".join)
    with caplog.at_level(logging.WARNING, LOGGER):
        stalled(writer)
        until(lambda: drained(reader) == b"" and writer._sink._served == writer._sink._queued)
        until(lambda: len(caplog.messages) == 2)

    assert caplog.messages == [
        "the access log cannot be written: nobody reads it; lines are dropped and counted",
        "the access log can be written again; lines lost so far: 1",
    ]
    writer.close()


def test_a_slow_reader_gets_everything_in_the_end(pipe, schedule):
    """A naive writer would block here, in the event loop's thread."""
    path, reader = pipe
    writer = LineWriter(str(path), schedule, "".join)
    lines = [f"{number:0>1000}\n" for number in range(500)]
    for line in lines:
        writer.write(line)
    schedule.run()
    read = []
    until(lambda: read.append(drained(reader)) or sum(map(len, read)) == 500 * 1001)

    assert "".join(lines).encode() == b"".join(read)
    assert writer.dropped == 0
    writer.close()


def test_what_a_stalled_reader_costs_is_bounded_and_nobody_waits(pipe, schedule):
    path, reader = pipe
    writer = LineWriter(str(path), schedule, "".join)
    taken = stalled(writer)
    for _ in range(1000):
        writer.write(HUGE)
        writer.flush()

    assert QUEUE_CHARACTERS >= (taken - 1) * len(HUGE) > QUEUE_CHARACTERS - 2 * len(HUGE)
    assert writer.dropped == 1001
    read = []
    until(lambda: read.append(drained(reader)) or sum(map(len, read)) == taken * len(HUGE))
    assert HUGE.encode() * taken == b"".join(read)
    writer.close()


def test_a_line_that_was_cut_off_ends_before_the_next_begins(tmp_path, schedule):
    """The limit stands for a disk that fills up in the middle of a line."""
    code = (
        "import resource, signal, sys; from gateway.observe.line_writer import LineWriter;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY));"
        "w = LineWriter(sys.argv[1], lambda s, c: None, ''.join); idle = lambda: w._sink._served == w._sink._queued;"
        "limit(10); w.write('whole\\nbegun-and-cut\\nlost\\n'); w.flush();"
        "exec('while not idle(): pass'); limit(1000);"
        "w.write('next\\n'); w.close(); print(w.dropped)"
    )
    log = tmp_path / "log"

    ran = subprocess.run([sys.executable, "-c", code, log], capture_output=True, text=True, check=True)

    assert (log.read_text(), ran.stdout) == ("whole\nbegu\nnext\n", "2\n")


def test_what_nobody_reads_is_left_at_the_close(pipe, schedule):
    path, reader = pipe
    writer = LineWriter(str(path), schedule, "".join)
    for _ in range(3):
        writer.write(HUGE)
    writer.close()
    writer._sink._thread.join(10)

    assert writer.dropped == 3
    assert drained(reader).strip(b"x") == b""


def test_a_stalled_pipe_that_is_opened_anew_is_left_at_once(pipe, schedule, tmp_path):
    path, _ = pipe
    writer = LineWriter(str(path), schedule, "".join)
    writer.write(HUGE)
    writer.flush()
    path.rename(tmp_path / "old")
    writer.reopen()
    writer.write("new\n")
    writer.close()

    assert (path.read_text(), writer.dropped) == ("new\n", 1)


def test_text_that_is_no_unicode_is_written_all_the_same(tmp_path, schedule):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    writer.write("a\udc80\n")
    writer.close()

    assert (tmp_path / "log").read_bytes() == b"a\\udc80\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_standard_stream_that_is_a_pipe_stays_blocking_for_everybody_else(name):
    code = (
        "import os, sys; from gateway.observe.line_writer import LineWriter;"
        f"w = LineWriter({name!r}, lambda s, c: None, ''.join); w.write('a\\n'); w.close();"
        f"sys.exit(0 if os.get_blocking(sys.{name}.fileno()) else 1)"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert getattr(ran, name) == "a\n"


def test_a_writer_shows_its_state(tmp_path, schedule):
    writer = LineWriter(str(tmp_path / "log"), schedule, "".join)
    writer.write("secret-ish line\n")

    assert "<LineWriter lines=1 <Sink" in repr(writer)
    assert "dropped=0" in repr(writer)
    assert "secret" not in repr(writer)
    assert not writer.is_terminal
    writer.close()
