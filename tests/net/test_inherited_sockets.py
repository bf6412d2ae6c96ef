"""Listening sockets that were opened for us, found by their addresses and never closed by us."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.net.inherited_sockets import InheritedSockets, inherited_sockets


def listening(family=socket.AF_INET, where=("127.0.0.1", 0)):
    sock = socket.socket(family)
    sock.bind(where)
    sock.listen()
    return sock


def test_a_duplicate_is_taken_and_the_socket_outlives_it(tmp_path):
    with listening() as sock, listening(socket.AF_UNIX, str(tmp_path / "s")) as unix:
        sockets = InheritedSockets([sock, unix])
        for where in (sock.getsockname(), str(tmp_path / "s")):
            taken = sockets.take(where)
            assert taken.getsockname() == where
            taken.close()
            with socket.socket(taken.family) as caller:
                caller.connect(where)  # it listens still
        assert list(sockets.untaken()) == []


def test_what_nobody_asks_for_is_named():
    with listening() as sock, listening(socket.AF_INET6, ("::1", 0)) as other:
        sockets = InheritedSockets([sock, other])
        assert sockets.take(("127.0.0.1", 1)) is None
        assert sorted(sockets.untaken()) == [
            f"127.0.0.1:{sock.getsockname()[1]}",
            f"[::1]:{other.getsockname()[1]}",
        ]


@pytest.mark.parametrize(
    "told", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid())}]
)
def test_what_was_passed_to_somebody_else_is_left_alone(told):
    environ = told | {"OTHER": "kept"}
    assert list(inherited_sockets(environ, os.getpid()).untaken()) == []
    assert environ == {"OTHER": "kept"}


SCRIPT = """
import os, sys
from gateway.net.inherited_sockets import inherited_sockets
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
try:
    sockets = inherited_sockets(os.environ, os.getpid())
    print(*sockets.untaken(), os.get_inheritable(3))
except OSError as error:
    print(error)
"""


def _passed(sock):
    """Run the script with a socket as its descriptor 3."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(sock.fileno())],
        check=True,
        capture_output=True,
        text=True,
        pass_fds=[sock.fileno()],
        cwd=Path(__file__).parents[2],
        env={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"},
    )
    return done.stdout.strip()


def test_a_listening_socket_is_taken_over_and_not_passed_on():
    with listening() as sock:
        assert _passed(sock) == f"127.0.0.1:{sock.getsockname()[1]} False"


def test_what_does_not_listen_is_refused_by_its_name():
    with socket.socket() as sock:
        assert _passed(sock) == (
            "descriptor 3 (web), which the service manager passed, is no listening socket: "
            "a unit needs ListenStream= and Accept=no"
        )
