"""What the kernel knows about a process and its children: processor time, waiting, wake-ups and memory.

Processor time is the CPU clock of the process (`clock_getcpuclockid(3)`): nanoseconds of user and system
time of all its threads, finished ones included, which neither the 10 ms ticks of `/proc/PID/stat` nor the
sum over `/proc/PID/task/*/schedstat` give. Memory is the resident set of `/proc/PID/status`, shared pages
counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterator

_CPUCLOCK_SCHED = 2
_PEAK_RESET = "5"


@dataclasses.dataclass(frozen=True, slots=True)
class Clocks:
    """How long the threads of a process were at work, and ready to run while others had the processor."""

    cpu_ns: int
    waited_ns: int

    def __sub__(self, before: Clocks) -> Clocks:
        """Return what was added since."""
        return Clocks(self.cpu_ns - before.cpu_ns, self.waited_ns - before.waited_ns)

    def kept_waiting(self, wall_ns: int) -> float:
        """Return the share of the time in which others had the processor that the process was ready for.

        Threads of a process that is bound to one processor wait for each other too, but while one waits for
        another the process is at work.
        """
        return max(0, min(self.waited_ns, wall_ns - self.cpu_ns)) / wall_ns

    def busy(self, wall_ns: int) -> float:
        """Return the share of the time in which the process was at work, or kept waiting."""
        return self.cpu_ns / wall_ns + self.kept_waiting(wall_ns)


def family(pid: int) -> list[int]:
    """Return the process and all its living descendants."""
    members = [pid]
    for member in members:
        for children in pathlib.Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                members += map(int, children.read_text().split())
    return members


def cpu_ns(pid: int) -> int:
    """Return the processor time that the process and its living descendants have used."""
    return sum(map(_own_cpu_ns, family(pid)))


def _own_cpu_ns(pid: int) -> int:
    # MAKE_PROCESS_CPUCLOCK of the kernel's posix-timers_types.h; glibc computes the same.
    return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)


def clocks(pid: int) -> Clocks:
    """Return the time at work, and in the queue for the processor, of the process and its descendants."""
    waited_ns = sum(int(schedstat.split()[1]) for schedstat in _of_threads(pid, "schedstat"))
    return Clocks(cpu_ns(pid), waited_ns)


def wake_ups(pid: int) -> int:
    """Return how often the family's threads have gone to sleep of their own will, to be woken again."""
    statuses = _of_threads(pid, "status")
    return sum(int(status.rpartition("\nvoluntary_ctxt_switches:")[2].split()[0]) for status in statuses)


def _of_threads(pid: int, name: str) -> Iterator[str]:
    for member in family(pid):
        for path in pathlib.Path(f"/proc/{member}/task").glob(f"*/{name}"):
            with contextlib.suppress(OSError):
                yield path.read_text()


def rss_bytes(pid: int) -> int:
    """Return the resident memory of the process and its descendants."""
    return sum(status_bytes(member, "VmRSS:") for member in family(pid))


def peak_rss_bytes(pid: int) -> int:
    """Return the highest resident memory since `reset_peak_rss`."""
    return sum(status_bytes(member, "VmHWM:") for member in family(pid))


def reset_peak_rss(pid: int) -> None:
    """Let the peak start anew; where that is forbidden, it stays that of the whole life."""
    for member in family(pid):
        with contextlib.suppress(PermissionError):
            pathlib.Path(f"/proc/{member}/clear_refs").write_text(_PEAK_RESET)


def descriptors(pid: int) -> int:
    """Return how many file descriptors the process has open.

    Raises:
        PermissionError: it is a gateway, which shows that to root alone.
    """
    return sum(1 for _ in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def status_bytes(pid: int, field: str) -> int:
    """Return a size in `/proc/PID/status`."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0
