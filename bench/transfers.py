"""Large bodies through fresh contestants: processor time per byte, and how much memory grows.

A slow reader takes 256 KiB and then nothing for some seconds, while the rest of the body presses; a gateway
without back-pressure would take it all in. The peak of memory is the kernel's, so that nothing is missed
between samples.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from bench import kernel
from bench.configs import LARGE, LARGE_BY_TLS
from bench.contestants import Contestant, Running, running
from bench.note import note
from bench.plan import Plan
from bench.processes import FAILURES
from bench.results import Transfer, Way
from bench.scenarios import PLAIN
from bench.stage import Stage

_CHUNK_BYTES = 256 * 1024
_SMALL_WINDOW_BYTES = 64 * 1024
_PATIENCE_S = 60.0
_OK = b"HTTP/1.1 200 "


class TransferError(Exception):
    """A body did not arrive whole, or the answer was not 200."""


def measure(stage: Stage, plan: Plan, contestants: list[Contestant]) -> list[Transfer]:
    """Send every body once per round through every contestant, and slow ones in the first round only."""
    transfers = []
    for number in range(plan.few_rounds):
        for way in list(Way) if number == 0 else [Way.DOWNLOAD, Way.UPLOAD]:
            for contestant in contestants:
                if contestant.scenario is PLAIN or way is Way.DOWNLOAD:
                    note(f"{way}, round {number + 1} of {plan.few_rounds}: {contestant.name}")
                    transfers += _transfer(stage, plan, contestant, number, way)
    return transfers


def _transfer(stage: Stage, plan: Plan, contestant: Contestant, number: int, way: Way) -> list[Transfer]:
    try:
        with running(stage, contestant) as started:
            return [_measure(plan, started, number, way)] if started else []
    except (*FAILURES, TransferError) as error:
        note(f"failed: {error}")
        return []


def _measure(plan: Plan, started: Running, number: int, way: Way) -> Transfer:
    port, move = started.front.listen, _MOVES[way]
    is_tls = started.contestant.scenario.has_tls_upstream
    size_bytes = plan.tls_transfer_bytes if is_tls else plan.transfer_bytes
    _upload(port, _CHUNK_BYTES, 0.0)  # What is loaded or allocated once, on first use, is no growth.
    before_bytes = kernel.rss_bytes(started.pid)
    kernel.reset_peak_rss(started.pid)
    before_ns, began_at_s = kernel.cpu_ns(started.pid), time.monotonic()
    moved_bytes = _download_by_tls(port, size_bytes) if is_tls else move(port, size_bytes, plan.slow_s)
    return Transfer(
        contestant=started.contestant.name,
        round=number,
        way=way,
        transferred_bytes=moved_bytes,
        seconds=time.monotonic() - began_at_s,
        cpu_s=(kernel.cpu_ns(started.pid) - before_ns) / 1_000_000_000,
        growth_bytes=max(0, kernel.peak_rss_bytes(started.pid) - before_bytes),
    )


def _download(port: int, size_bytes: int, _pause_s: float) -> int:
    return _downloaded(port, LARGE, size_bytes)


def _download_by_tls(port: int, size_bytes: int) -> int:
    return _downloaded(port, LARGE_BY_TLS, size_bytes)


def _downloaded(port: int, file: str, size_bytes: int) -> int:
    with _connect(port) as caller:
        received_bytes = _ask(caller, file)
        buffer = bytearray(_CHUNK_BYTES)
        while received_bytes < size_bytes:
            received_bytes += _at_least_one(caller.recv_into(buffer))
    return received_bytes


def _slow_download(port: int, _size_bytes: int, pause_s: float) -> int:
    with _connect(port, has_small_window=True) as caller:
        received_bytes = _ask(caller, LARGE)
        while received_bytes < _CHUNK_BYTES:
            received_bytes += len(_receive(caller))
        time.sleep(pause_s)
        return received_bytes + len(_receive(caller))


def _upload(port: int, size_bytes: int, _pause_s: float) -> int:
    chunk = memoryview(bytes(_CHUNK_BYTES))
    with _connect(port) as caller:
        caller.sendall(_post("/strict/upload", size_bytes))
        for start in range(0, size_bytes, _CHUNK_BYTES):
            caller.sendall(chunk[: size_bytes - start])
        return _accepted_bytes(caller, size_bytes)


def _slow_upload(port: int, size_bytes: int, pause_s: float) -> int:
    chunk, sent_bytes, end_at_s = bytes(_CHUNK_BYTES), 0, time.monotonic() + pause_s
    with _connect(port) as caller:
        caller.sendall(_post("/strict/slow", size_bytes))
        while sent_bytes < size_bytes and (left_s := end_at_s - time.monotonic()) > 0:
            caller.settimeout(left_s)
            try:
                sent_bytes += caller.send(chunk)
            except TimeoutError:
                break
    return sent_bytes


_MOVES: dict[Way, Callable[[int, int, float], int]] = {
    Way.DOWNLOAD: _download,
    Way.UPLOAD: _upload,
    Way.SLOW_DOWNLOAD: _slow_download,
    Way.SLOW_UPLOAD: _slow_upload,
}


def _connect(port: int, *, has_small_window: bool = False) -> socket.socket:
    caller = socket.socket()
    if has_small_window:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW_BYTES)
    caller.settimeout(_PATIENCE_S)
    caller.connect(("127.0.0.1", port))
    return caller


def _ask(caller: socket.socket, file: str) -> int:
    """Ask for a large file and return how many bytes of it came with the head."""
    caller.sendall(f"GET /{file} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return len(_head(caller)[1])


def _post(path: str, size_bytes: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size_bytes}\r\n\r\n".encode()


def _accepted_bytes(caller: socket.socket, size_bytes: int) -> int:
    _, body = _head(caller)
    expected = str(size_bytes).encode()
    while len(body) < len(expected):
        body += _receive(caller)
    if body != expected:
        raise TransferError(f"the upstream has read {body!r} of {size_bytes} bytes")
    return size_bytes


def _head(caller: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(caller)
    head, _, rest = received.partition(b"\r\n\r\n")
    if not head.startswith(_OK):
        raise TransferError(f"answered {head[:40]!r}")
    return head, rest


def _receive(caller: socket.socket) -> bytes:
    received = caller.recv(_CHUNK_BYTES)
    _at_least_one(len(received))
    return received


def _at_least_one(count: int) -> int:
    if count == 0:
        raise TransferError("the connection was closed before the end")
    return count
