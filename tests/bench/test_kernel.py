"""What the kernel counts: asked about processes that do one thing."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import kernel

SLEEPER = """
import sys, threading
def wait():
    for line in iter(sys.stdin.readline, ""):
        print(line, end="", flush=True)
thread = threading.Thread(target=wait)
thread.start()
print("ready", flush=True)
thread.join()
"""


@pytest.fixture
def sleeper():
    """A process whose second thread waits for lines and returns them."""
    with subprocess.Popen(
        (sys.executable, "-c", SLEEPER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "ready\n"
        yield child
        child.stdin.close()


def until_asleep(child):
    """Wait for all threads to sleep: else the next line may be there before the thread looks for it."""
    threads = [path.read_text() for path in Path(f"/proc/{child.pid}/task").glob("*/stat")]
    while not all(thread.rpartition(") ")[2].startswith("S") for thread in threads):
        threads = [path.read_text() for path in Path(f"/proc/{child.pid}/task").glob("*/stat")]


def ask(child, times):
    for _ in range(times):
        until_asleep(child)
        child.stdin.write("line\n")
        child.stdin.flush()
        assert child.stdout.readline() == "line\n"
    until_asleep(child)


@pytest.mark.parametrize(
    ("cpu_ns", "waited_ns", "busy", "kept_waiting"),
    [
        (0, 0, 0.0, 0.0),
        (600, 0, 0.6, 0.0),
        (600, 300, 0.9, 0.3),
        (900, 300, 1.0, 0.1),  # two threads of its own waited for each other
        (1200, 300, 1.2, 0.0),  # on more than one processor
    ],
)
def test_others_had_the_processor_only_while_the_process_did_not(cpu_ns, waited_ns, busy, kept_waiting):
    clocks = kernel.Clocks(cpu_ns, waited_ns)

    assert (clocks.busy(1000), clocks.kept_waiting(1000)) == (pytest.approx(busy), kept_waiting)


def test_wake_ups_of_all_threads_are_counted(sleeper):
    ask(sleeper, 1)
    before = kernel.wake_ups(sleeper.pid)
    ask(sleeper, 20)

    assert kernel.wake_ups(sleeper.pid) - before >= 20


def test_a_process_that_sleeps_wakes_up_for_nobody_and_its_clocks_stand_still(sleeper):
    ask(sleeper, 1)
    before = kernel.wake_ups(sleeper.pid), kernel.clocks(sleeper.pid)
    after = kernel.wake_ups(sleeper.pid), kernel.clocks(sleeper.pid)

    assert after[0] == before[0]
    assert after[1] - before[1] == kernel.Clocks(0, 0)
    assert before[1].cpu_ns > 0
