"""A unix socket: from whom it is taken, who may connect and from when on, and what is left of it."""

import errno
import fcntl
import grp
import logging
import os
import shutil
import socket
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from gateway.core.settings.listener_settings import SocketAccess
from gateway.net.unix_socket import SocketRefused, group_number, listen_at

OPEN = SocketAccess()
GROUPS = sorted({*os.getgroups(), os.getgid()})


@pytest.fixture
def path():
    """A short one: the path of a socket is 107 bytes long at most, and those of pytest may be longer."""
    folder = tempfile.mkdtemp()
    yield f"{folder}/gateway.sock"
    shutil.rmtree(folder)


@pytest.fixture
def listening():
    made = []

    def listen(path, access=OPEN, backlog=16):
        made.append(listen_at(path, access, backlog))
        return made[-1]

    yield listen
    for one in made:
        one.sock.close()


def connect(path):
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# ── who may connect ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666, 0o222, 0o777])
@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_the_file_has_the_mode_that_is_asked_for_whatever_the_umask_is(path, listening, mode, umask):
    before = os.umask(umask)
    try:
        listening(path, SocketAccess(mode))
    finally:
        os.umask(before)
    assert mode_of(path) == mode


def test_without_a_mode_the_umask_decides(path, listening):
    before = os.umask(0o027)
    try:
        listening(path)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o750


@pytest.mark.parametrize("group", GROUPS[-2:])
def test_the_file_is_given_to_the_group(path, listening, group):
    listening(path, SocketAccess(0o660, str(group)))
    assert os.lstat(path).st_gid == group


def test_until_mode_and_group_are_set_nobody_else_is_let_in_by_the_mode_and_nobody_at_all_connects(
    path, listening, monkeypatch
):
    seen = []

    def looking(name):
        do = getattr(os, name)

        def look(*args, **options):
            with pytest.raises(ConnectionRefusedError):
                connect(path)
            seen.append((name, mode_of(path) & 0o077))
            return do(*args, **options)

        return look

    for name in ("chown", "chmod"):
        monkeypatch.setattr(os, name, looking(name))
    before = os.umask(0)
    try:
        listening(path, SocketAccess(0o666, str(GROUPS[0])))
    finally:
        os.umask(before)

    assert seen == [("chown", 0), ("chmod", 0)]
    connect(path)


def test_a_group_is_known_by_name_and_by_number():
    known = grp.getgrgid(GROUPS[0])
    assert group_number(known.gr_name) == group_number(str(known.gr_gid)) == known.gr_gid
    assert group_number("54321") == 54321  # in a container nobody may have named it


@pytest.mark.parametrize(
    "name", ["no-such-group", "-1", "4294967295", "99999999999999999999", "a\0b", "", "¹"]
)
def test_a_group_that_nobody_knows_is_no_group(name):
    with pytest.raises(KeyError):
        group_number(name)


def test_an_unknown_group_leaves_no_file(path):
    with pytest.raises(SocketRefused, match="has no group no-such-group"):
        listen_at(path, SocketAccess(0o660, "no-such-group"), 1)
    assert not Path(path).exists()


def test_a_group_that_this_user_may_not_give_to_is_told_and_leaves_no_file(path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(SocketRefused, match="not a member of the group 0"):
        listen_at(path, SocketAccess(0o660, "0"), 1)
    assert not Path(path).exists()


# ── from whom it is taken ─────────────────────────────────────────────────────────────────────────────


def test_a_file_that_nobody_serves_is_replaced(path, listening):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    listening(path)
    connect(path)


def test_a_socket_that_is_served_is_not_taken(path, listening):
    first = listening(path)
    for _ in range(2):
        with pytest.raises(OSError, match="in use") as caught:
            listen_at(path, OPEN, 1)
        assert caught.value.errno == errno.EADDRINUSE
    assert (os.lstat(path).st_dev, os.lstat(path).st_ino) == first.identity


def test_a_server_whose_queue_is_full_lives(path, listening):
    listening(path, backlog=0)
    callers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    try:
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(path)
        with pytest.raises(OSError, match="in use"):
            listen_at(path, OPEN, 1)
    finally:
        for caller in callers:
            caller.close()
    assert Path(path).is_socket()


def test_a_living_socket_of_another_kind_is_not_taken(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(path)
        with pytest.raises(OSError, match="in use"):
            listen_at(path, OPEN, 1)
    assert Path(path).is_socket()


def test_a_socket_that_this_user_may_not_ask_is_left_alone(path, monkeypatch):
    """Root may ask everybody, and tests may run as root."""

    def refuse(_self, _path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    monkeypatch.setattr(socket, "socket", type("Refused", (socket.socket,), {"connect": refuse}))
    with pytest.raises(SocketRefused, match="may not find out whether it is served"):
        listen_at(path, OPEN, 1)
    assert Path(path).is_socket()


@pytest.mark.parametrize("kind", ["file", "folder", "pipe", "link", "dangling"])
def test_what_is_no_socket_is_never_removed(path, listening, kind):
    there = Path(path)
    match kind:
        case "file":
            there.write_text("somebody's own")
        case "folder":
            there.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            listening(f"{path}2").sock.close()
            there.symlink_to(f"{path}2")
        case _:
            there.symlink_to(f"{path}2")
    before = os.lstat(path)
    with pytest.raises(OSError, match="a file that is not a socket") as caught:
        listen_at(path, OPEN, 1)
    assert caught.value.errno == errno.EADDRINUSE
    assert os.lstat(path) == before


def test_a_folder_that_is_not_there_is_told(path):
    with pytest.raises(FileNotFoundError):
        listen_at(f"{path}/gateway.sock", OPEN, 1)


def test_of_gateways_that_start_at_once_over_a_dead_file_one_gets_the_socket(path):
    made, refused = [], []

    def start(gate):
        gate.wait()
        try:
            made.append(listen_at(path, OPEN, 16))
        except OSError as error:
            refused.append(error.errno)

    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        gate = threading.Barrier(4)
        threads = [threading.Thread(target=start, args=(gate,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        assert refused == [errno.EADDRINUSE] * 3
        connect(path)
        made.pop().sock.close()
        refused.clear()
        Path(path).unlink()


def test_a_folder_that_somebody_keeps_locked_is_not_waited_for_without_end(path, listening, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        listening(path)
    finally:
        os.close(folder)
    assert 0 < sum(waits) <= 2
    connect(path)


# ── what is left ──────────────────────────────────────────────────────────────────────────────────────


def test_our_own_file_is_removed(path, listening):
    listening(path).remove_file()
    assert not os.path.lexists(path)


def test_a_file_that_is_gone_is_no_trouble(path, listening):
    made = listening(path)
    Path(path).unlink()
    made.remove_file()


def test_a_file_that_took_the_place_of_ours_stays(path, listening):
    made = listening(path)
    Path(path).unlink()
    for _ in range(50):  # numbers of inodes are used again, but not while the socket is open
        second = listen_at(path, OPEN, 1)
        made.remove_file()
        assert Path(path).is_socket()
        second.remove_file()
        second.sock.close()
    Path(path).write_text("somebody's own")
    made.remove_file()
    assert Path(path).read_text() == "somebody's own"


def test_a_file_that_cannot_be_removed_is_told(path, listening, monkeypatch, caplog):
    def refuse(_self):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    made = listening(path)
    monkeypatch.setattr(Path, "unlink", refuse)
    with caplog.at_level(logging.WARNING):
        made.remove_file()
    monkeypatch.undo()
    assert caplog.messages == [f"unix:{path}: the file stays: Permission denied"]
