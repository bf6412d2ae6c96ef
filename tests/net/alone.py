"""Run pytest in namespaces of its own, where the system's resolver asks port 53 of the loopback address.

``getaddrinfo`` reads /etc/resolv.conf, which names no port. So the tests get a network with a loopback
interface only, files of their own in place of /etc/resolv.conf and /etc/nsswitch.conf, and no privilege that
anything outside would notice. Nothing is patched: what runs in there is the C library as it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

# As root of a namespace of users if there may be one, else as the real root.
_WAYS = (("unshare", "--user", "--map-root-user", "--mount", "--net"), ("unshare", "--mount", "--net"))
_ENTER = """
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
shift
exec "$@"
"""
# A second is the shortest time-out that resolvers of the C library know.
_FILES = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "hosts: files dns\n",
}
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x1 | 0x40
ROOT = Path(__file__).parents[2]
WAIT_S = 120.0


def way():
    """The command that enters the namespaces, or None if this user may not, or the kernel has none."""
    if shutil.which("unshare") is None or sys.platform != "linux":
        return None
    tries = (
        each
        for each in _WAYS
        if not subprocess.run([*each, "true"], capture_output=True, check=False).returncode
    )
    return next(tries, None)


def run(folder, *arguments):
    """Run pytest with these arguments in there, and give how it ended and what it printed."""
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    command = (
        *way(),
        "sh",
        "-ec",
        _ENTER,
        "sh",
        str(folder),
        sys.executable,
        "-m",
        "tests.net.alone",
        *arguments,
    )
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return done.returncode, done.stdout


def _raise_loopback():
    """Set the interface up; its addresses, 127.0.0.1 and ::1, come with that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


if __name__ == "__main__":
    os.environ.pop("PYTEST_XDIST_WORKER", None)
    _raise_loopback()
    sys.exit(pytest.main(sys.argv[1:]))
