"""The supervisor and processes that are nothing but their signals and records.

It forks, so each test runs it in a process of its own, from a script that says what its children do.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import logging, os, select, signal, socket, sys, time
from gateway.core.crew.records import *
from gateway.crew.held import HeldSockets
from gateway.crew.packets import receive, send
from gateway.crew.supervision import Work
from gateway.crew.supervisor import Supervisor
from gateway.net.inherited_sockets import InheritedSockets

logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def obey(sock, on=lambda record: None, answers=lambda: True):
    sock.setblocking(True)
    while (received := receive(sock)) is not None:
        if isinstance(received.record, Ping) and answers():
            send(sock, Pong())
        if isinstance(received.record, End):
            return
        on(received)
        received.drop()

def keep(sock, held, legacy):
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    send(sock, Hold("127.0.0.1 1"), [each.fileno() for each in listening])
    send(sock, Ready())
    obey(sock)
    return 0

def serve(sock, slot, sockets):
    send(sock, Ready())
    obey(sock)
    return 0

def run(keep=keep, serve=serve, ping_s=5.0):
    work = Work(keep, serve, lambda text: say("notify", text), lambda: None)
    supervisor = Supervisor(2, HeldSockets(InheritedSockets()), work, ping_s)
    say("ended with", supervisor.run())
"""


def said(script, within_s=20.0):
    """What it said until its end."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + script], capture_output=True, text=True, timeout=within_s, check=False
    )
    return [*done.stdout.splitlines(), done.stderr[-2000:]]


def test_whoever_cannot_start_ends_everything_with_its_status():
    lines = said("run(keep=lambda *_: 7)")
    assert "the keeper ended with status 7 before the gateway had started" in lines
    assert "ended with 7" in lines


def test_a_worker_that_dies_at_the_start_ends_the_keeper_too():
    lines = said("run(serve=lambda sock, slot, sockets: slot)")
    assert any("before the gateway had started" in line for line in lines)
    assert "ended with 1" in lines


def test_five_deaths_within_a_minute_end_the_gateway_and_a_sibling_stands_in_before():
    """Restarts wait 1, 2 and 4 s, which a script need not: it takes a hundredth."""
    lines = said("""
from gateway.core.crew import restarts
restarts.Restarts.delay_s = property(lambda self: 0.0 if self.streak <= 1 else 0.05)
def serve(sock, slot, sockets):
    send(sock, Ready())
    if slot == 1:
        time.sleep(0.1)
        return 3
    obey(sock, lambda r: say(type(r.record).__name__, len(r.descriptors)) if isinstance(r.record, (Adopt, LetGo)) else None)
    return 0
run(serve=serve)
""")
    assert sum("ended with status 3; another one follows" in line for line in lines) == 4
    assert "worker 1 ended with status 3, for the 5th time within a minute: the gateway ends" in lines
    assert [line for line in lines if line in {"Adopt 1", "LetGo 0"}] == ["Adopt 1", "LetGo 0"] * 3
    assert "ended with 1" in lines


def test_whoever_hangs_is_ended_after_its_last_words():
    lines = said("""
def serve(sock, slot, sockets):
    send(sock, Ready())
    if slot == 0 and select.select([first], [], [], 0)[0]:
        os.read(first, 1)
        obey(sock, answers=lambda: False)
    if slot == 0:
        os.kill(os.getppid(), signal.SIGTERM)
    obey(sock)
    return 0
first, end = os.pipe()
os.write(end, b"1")
run(serve=serve, ping_s=0.05)
""")
    assert any("hangs: it is ended" in line for line in lines)
    assert any("was ended by SIGABRT; another one follows at once" in line for line in lines)
    assert "Fatal Python error: Aborted" in lines[-1]
    assert "ended with 0" in lines


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_during_the_start_ends_everything(number):
    lines = said(f"""
def keep(sock, held, legacy):
    os.kill(os.getppid(), signal.{number})
    obey(sock)
run(keep=keep)
""")
    assert "ended with 0" in lines


def test_what_the_keeper_leaves_reaches_the_next_one():
    lines = said("""
def keep_first(sock, held, legacy):
    if legacy.number == 2:
        with open(legacy.in_force) as file:
            file.seek(0)
            say(legacy.text, file.read(), *held.places)
        os.kill(os.getppid(), signal.SIGTERM)
        obey(sock)
    send(sock, Remember("counts"))
    number = os.memfd_create("x")
    os.write(number, b"configuration")
    send(sock, InForce(), [number])
    send(sock, Notify("READY=1"))
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    send(sock, Hold("127.0.0.1 1"), [each.fileno() for each in listening])
    send(sock, Ready())
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
run(keep=keep_first)
""")
    assert "counts configuration 127.0.0.1 1" in lines
    assert "notify READY=1" in lines
    assert "the keeper was ended by SIGKILL; another one follows at once" in lines


def test_strangers_are_reaped_silently():
    """As PID 1 it is the parent of whoever has lost one; here they are made so by prctl."""
    lines = said("""
import ctypes
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
def serve(sock, slot, sockets):
    if slot == 0 and not os.fork():
        if os.fork():
            os._exit(0)
        time.sleep(0.2)
        os._exit(9)
    send(sock, Ready())
    if slot == 0:
        time.sleep(0.5)
        os.kill(os.getppid(), signal.SIGTERM)
    obey(sock)
run(serve=serve)
""")
    assert lines[:-1] == ["ended with 0"]
