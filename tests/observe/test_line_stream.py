"""Standard output and error while nobody reads, or somebody does."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from gateway.observe.line_stream import dropped_lines, never_wait_for_readers

START = (
    "from gateway.observe.line_stream import never_wait_for_readers as n; n('stdout', 'stderr'); import sys;"
)


def ran(code, **more):
    return subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, timeout=20, check=False, **more
    )


@pytest.fixture(params=["pipe", "socket"])
def stalled(request):
    """A descriptor that takes nothing any more, and blocks as an inherited one does; its reader is there."""
    if request.param == "pipe":
        read, write = os.pipe()
        ends = []
    else:
        ends = socket.socketpair()
        read, write = (os.dup(end.fileno()) for end in ends)
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 65536)
    except BlockingIOError:
        os.set_blocking(write, True)
    yield write
    os.close(read)
    os.close(write)
    for end in ends:
        end.close()


def test_print_logging_and_tracebacks_arrive_whole_and_in_order():
    done = ran(
        "import logging; logging.basicConfig(); print('a', 1); print('b', end=''); print('c');"
        "print('d', file=sys.stderr); logging.error('e'); sys.stdout.write('f'); 1 / 0"
    )

    assert (done.stdout, done.returncode) == ("a 1\nbc\nf", 1)
    assert done.stderr.startswith("d\nERROR:root:e\nTraceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "ending",
    ["", "1 / 0", "sys.exit('told at the end')", "import click; click.echo('x' * 100, err=True)"],
)
def test_a_process_ends_though_nobody_reads(stalled, name, ending):
    """A naive stream would wait for ever at its last line, or in the interpreter's own flush."""
    code = f"[print('y' * 100, file=sys.{name}) for _ in range(50000)];" + ending
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, name: stalled}

    done = subprocess.run([sys.executable, "-c", START + code], timeout=20, check=False, **streams)

    assert done.returncode in (0, 1)
    assert os.get_blocking(stalled)


def test_what_is_lost_is_counted(stalled):
    code = "[print('y' * 1023) for _ in range(5000)]; sys.stderr.write(str(sys.stdout.dropped))"

    done = subprocess.run(
        [sys.executable, "-c", START + code], stdout=stalled, stderr=subprocess.PIPE, timeout=20, check=True
    )

    assert int(done.stderr.splitlines()[-1]) == 5000 - 4 * 1024


def test_lines_of_several_threads_are_not_mixed():
    code = (
        "import threading; ts = [threading.Thread(target=lambda c=c: [print(c * 50) for _ in range(500)])"
        " for c in 'abcd']; [t.start() for t in ts]; [t.join() for t in ts]"
    )

    lines = [line for line in ran(code).stdout.split("\n") if line]

    assert {len(set(line)) for line in lines} == {1}
    assert sum(map(len, lines)) == 4 * 500 * 50


def test_a_line_that_a_thread_has_begun_is_its_own():
    code = (
        "import threading; begin = lambda: sys.stdout.write('a'); t = threading.Thread(target=begin);"
        "print('b', end=''); t.start(); t.join(); print('c', flush=True)"
    )

    assert ran(code).stdout == "bc\na"


def test_a_stream_that_others_put_there_is_left_alone(capsys):
    before = sys.stdout, sys.stderr, threading.active_count()
    never_wait_for_readers("stdout", "stderr")

    assert (sys.stdout, sys.stderr, threading.active_count()) == before
    assert dropped_lines() == 0


def test_a_closed_stream_is_no_reason_not_to_start():
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", START + "print('a')"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
