"""The first process: it starts, watches and ends the others, and holds the listening sockets.

Rules:

- It has no event loop, no TLS and no thread, and it keeps no secret. It does one thing after the other, and
  none of them waits for anybody. What it forks is therefore as it should be.
- The keeper comes first. Once that one has bound all addresses, the workers come; once all are ready, the
  gateway has started. Whatever dies before ends everything, with its reason and its status.
- Later, whoever dies is replaced (`core.crew.restarts`). Callers stay in the queue of the socket, which is
  held here. If a replacement has to wait, a sibling accepts from it meanwhile.
- Whoever does not answer pings is ended by SIGABRT, so that it writes where it hangs, and then by SIGKILL.
- SIGTERM is passed on once, to the workers; when they have ended, the keeper is told. A second one ends all.
- As PID 1 it reaps whoever is left to it, silently.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from gateway.core.crew.records import (
    Adopt,
    End,
    Hold,
    HoldOnly,
    InForce,
    KeeperAt,
    LetGo,
    Notify,
    Pong,
    Ready,
    Remember,
    Stop,
    WorkerAt,
)
from gateway.crew.child import KEEPER, Child, how_it_died
from gateway.crew.held import HeldSockets
from gateway.crew.offspring import start
from gateway.crew.packets import Received, pair, receive
from gateway.crew.supervision import Ending, Legacy, Work
from gateway.system.first_process import end_at_next

log: Final = logging.getLogger("gateway.crew")

PING_S: Final = 5.0
_ENDS: Final = (signal.SIGTERM, signal.SIGINT)
_PASSED_ON: Final = (signal.SIGHUP, signal.SIGUSR1)


class Supervisor:
    """Runs a keeper and several workers until a signal comes, or until there is no point in it.

    Args:
        workers: how many.
        held: the sockets of the service manager; those of the keeper are added.
        ping_s: how often each process is asked whether it is alive.
    """

    def __init__(self, workers: int, held: HeldSockets, work: Work, ping_s: float = PING_S) -> None:
        self._held = held
        self._work = work
        self._ping_s = ping_s
        self._keeper = Child(KEEPER)
        self._workers = [Child(slot) for slot in range(workers)]
        self._legacy = Legacy()
        self._ending = Ending()
        self._has_started = False
        self._ping_at_s = time.monotonic() + ping_s
        self._selector = selectors.DefaultSelector()
        self._wakeup = socket.socketpair()
        for end in self._wakeup:
            end.setblocking(False)

    def run(self) -> int:
        """Do all that; return the exit status."""
        self._selector.register(self._wakeup[0], selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wakeup[1].fileno(), warn_on_full_buffer=False)
        for number in (*_ENDS, *_PASSED_ON, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # what matters is the byte on the socket
        self._start(self._keeper)
        while any(child.is_alive for child in self._all()):
            for key, _ in self._selector.select(self._pause_s()):
                if key.data is None:
                    self._take_signals()
                else:
                    self._listen_to(key.data)
            self._reap()
            self._do_what_is_due(time.monotonic())
        self._held.only(())
        if self._ending.asked > 1:
            _end_by(self._ending.by)
        return self._ending.status

    def _all(self) -> Iterator[Child]:
        yield self._keeper
        yield from self._workers

    # ── starting ──────────────────────────────────────────────────────────────────────────────────

    def _start(self, child: Child) -> None:
        ours, theirs = pair()
        if child is self._keeper:
            self._legacy.number += 1
            number = start(lambda: self._keep(ours, theirs))
        else:
            number = start(lambda: self._serve(child.slot, ours, theirs))
        theirs.close()
        child.started(number, ours, time.monotonic())
        self._selector.register(ours, selectors.EVENT_READ, child)
        for worker in self._workers if child is self._keeper else [child]:
            self._introduce(worker)

    def _introduce(self, worker: Child) -> None:
        """Give the keeper and a worker a way to each other."""
        if worker.is_alive and self._keeper.is_alive:
            ends = pair()
            self._keeper.tell(WorkerAt(worker.slot, worker.pid), [ends[0].fileno()])
            worker.tell(KeeperAt(), [ends[1].fileno()])
            for end in ends:
                end.close()

    def _keep(self, supervisors: socket.socket, sock: socket.socket) -> int:
        self._leave_to_child(None, supervisors)
        return self._work.keep(sock, self._held, self._legacy)

    def _serve(self, slot: int, supervisors: socket.socket, sock: socket.socket) -> int:
        sockets = self._held.of_slot(slot)
        self._leave_to_child(slot, supervisors)
        return self._work.serve(sock, slot, sockets)

    def _leave_to_child(self, slot: int | None, supervisors: socket.socket) -> None:
        """In a child: close what is the supervisor's, whose end would otherwise never show."""
        supervisors.close()
        self._held.leave_to(slot)
        for child in self._all():
            child.hang_up()
        self._selector.close()
        for end in self._wakeup:
            end.close()
        if slot is not None and self._legacy.in_force is not None:
            os.close(self._legacy.in_force)

    # ── what the others say ───────────────────────────────────────────────────────────────────────

    def _listen_to(self, child: Child) -> None:
        while child.sock is not None:
            try:
                received = receive(child.sock)
            except BlockingIOError:
                return
            if received is None:
                self._selector.unregister(child.sock)
                child.hang_up()
                return
            try:
                self._hear(child, received)
            finally:
                received.drop()

    def _hear(self, child: Child, received: Received) -> None:
        child.unanswered = 0
        match received.record:
            case Pong():
                pass
            case Ready():
                self._is_ready(child)
            case Hold(where, device, inode) if child is self._keeper:
                self._held.hold(where, received.take(), device, inode)
            case HoldOnly(places) if child is self._keeper:
                self._held.only(places)
            case Notify(text) if child is self._keeper:
                self._work.notify(text)
            case Remember(text) if child is self._keeper:
                self._legacy.text = text
            case InForce() if child is self._keeper and received.descriptors:
                self._take_over(received.descriptors.pop())
            case _:
                log.error("%s sent a record that is not for the supervisor", child)

    def _take_over(self, in_force: int) -> None:
        if self._legacy.in_force is not None:
            os.close(self._legacy.in_force)
        self._legacy.in_force = in_force
        self._work.forget()

    def _is_ready(self, child: Child) -> None:
        child.is_ready = True
        if child.adopted_by is not None:
            self._workers[child.adopted_by].tell(LetGo(child.slot))
            child.adopted_by = None
        if child is self._keeper and not self._has_started and not self._ending.is_wanted:
            for worker in self._workers:
                if not worker.is_alive:
                    self._start(worker)
        self._has_started = self._has_started or all(each.is_ready for each in self._all())

    # ── deaths ────────────────────────────────────────────────────────────────────────────────────

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            child = next((each for each in self._all() if each.pid == pid), None)
            if child is not None:  # otherwise a stranger, who was left to PID 1
                self._has_died(child, status)

    def _has_died(self, child: Child, status: int) -> None:
        self._listen_to(child)  # to its last words
        if child.sock is not None:
            self._selector.unregister(child.sock)
        how = how_it_died(status)
        child.ended()
        if self._ending.is_wanted:
            self._go_on_ending()
        elif not self._has_started:
            log.error("%s %s before the gateway had started", child, how)
            self._end(max(1, os.waitstatus_to_exitcode(status)))
        else:
            self._replace(child, how, time.monotonic())

    def _replace(self, child: Child, how: str, now_s: float) -> None:
        child.restarts = child.restarts.after_death(now_s)
        if child.restarts.is_hopeless:
            count = len(child.restarts.deaths)
            log.critical("%s %s, for the %dth time within a minute: the gateway ends", child, how, count)
            self._end(1)
            return
        delay_s = child.restarts.delay_s
        child.start_at_s = now_s + delay_s
        log.error("%s %s; another one follows %s", child, how, f"in {delay_s:g} s" if delay_s else "at once")
        for orphan in self._workers:
            if orphan.adopted_by == child.slot:
                orphan.adopted_by = None
                self._have_adopted(orphan)
        if delay_s and child is not self._keeper:
            self._have_adopted(child)

    def _have_adopted(self, orphan: Child) -> None:
        sibling = next((each for each in self._workers if each.is_ready), None)
        sockets = self._held.own_of_slot(orphan.slot)
        if sibling is not None and sockets:
            orphan.adopted_by = sibling.slot
            sibling.tell(Adopt(orphan.slot), [sock.fileno() for sock in sockets])

    # ── time ──────────────────────────────────────────────────────────────────────────────────────

    def _pause_s(self) -> float:
        due = [at_s for child in self._all() for at_s in (child.start_at_s, child.kill_at_s) if at_s]
        return max(0.0, min([self._ping_at_s, *due]) - time.monotonic())

    def _do_what_is_due(self, now_s: float) -> None:
        for child in self._all():
            child.kill_if_due(now_s)
            if child.start_at_s is not None and now_s >= child.start_at_s and not self._ending.is_wanted:
                self._start(child)
        if now_s < self._ping_at_s:
            return
        # Counted from now: whoever stops the supervisor for a while, too, is not to blame the others.
        self._ping_at_s = now_s + self._ping_s
        for child in self._all():
            if child.ping(now_s):
                log.error("%s (process %d) hangs: it is ended", child, child.pid)

    # ── signals and the end ───────────────────────────────────────────────────────────────────────

    def _take_signals(self) -> None:
        with suppress(BlockingIOError):
            for number in self._wakeup[0].recv(4096):
                if number in _ENDS:
                    self._ending.asked += 1
                    self._ending.by = number
                    self._end(0) if self._ending.asked == 1 else self._end_at_once()
                elif number in _PASSED_ON:
                    self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        if number == signal.SIGHUP and not self._ending.is_wanted:
            log.info("SIGHUP: reading the configuration anew, and reopening the access log")
            self._keeper.signal(number)
        else:
            log.info("%s: reopening the access log", signal.Signals(number).name)
        for worker in self._workers:
            worker.signal(number)

    def _end(self, status: int) -> None:
        if self._ending.is_wanted:
            return
        self._ending.is_wanted, self._ending.status = True, status
        self._held.only(())
        for child in self._all():
            child.start_at_s = None
        self._keeper.tell(Stop())
        for worker in self._workers:
            worker.signal(signal.SIGTERM)
        self._go_on_ending()

    def _go_on_ending(self) -> None:
        """Let the keeper end last: running requests may need tokens."""
        if any(worker.is_alive for worker in self._workers):
            return
        if self._keeper.is_ready:
            self._keeper.tell(End())
        else:  # it has not come to listening
            self._keeper.signal(signal.SIGTERM)

    def _end_at_once(self) -> None:
        for child in self._all():
            child.signal(signal.SIGKILL)


def _end_by(number: int) -> None:
    sys.stderr.flush()
    end_at_next(signal.Signals(number))
    os.kill(os.getpid(), number)
