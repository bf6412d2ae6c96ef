"""Accepting connections: each one is counted first, and refused with a response if there are too many.

uvloop's own server accepts without asking. When descriptors run out, it closes connections silently (libuv
reserves a descriptor for that). At some errors of accept(2), it stops listening for good.

Rules: above `limits.connections`, a caller gets a 503 if the listener has no TLS; otherwise its connection is
closed. The 503 lingers for a moment, because the caller may still be sending. When descriptors run out, a
spare one serves to send the same response. Then nothing is accepted for a tenth of a second, and callers wait
in the kernel's queue.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import Final, cast

from gateway.core.errors import OutOfDescriptors, TooManyConnections
from gateway.core.http.problem import problem_answer
from gateway.proxy.census import EXHAUSTED, Excess
from gateway.proxy.listener import Listener

AT_ONCE: Final = 64  # then the loop serves others
PAUSE_S: Final = 0.1
REFUSED_LINGER_S: Final = 1.0
MOST_LINGERING: Final = 16


class Acceptor:
    """Accepts connections for one listener, until it is closed."""

    def __init__(
        self,
        listener: Listener,
        sockets: list[socket.socket],
        loop: asyncio.AbstractEventLoop,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._census = listener.terms.census
        self._loop = loop
        self._tls = tls
        self._handshake_s = listener.terms.limits.head_timeout_s if tls is not None else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: deque[socket.socket] = deque()
        self._pause: asyncio.TimerHandle | None = None
        self._spare: int | None = None
        self.sockets = sockets
        self._resume()

    @property
    def is_shaking_hands(self) -> bool:
        """Whether an accepted connection is still in its handshake."""
        return bool(self._tasks)

    def close(self) -> None:
        """Stop listening; accepted connections continue, except those in a TLS handshake."""
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        while self._refused:
            self._end_refused(self._refused[0])

    def _stop_listening(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        for each in self.sockets:
            self._loop.remove_reader(each.fileno())
            each.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        self.sockets = []

    def go_on(self, tls: ssl.SSLContext | None) -> None:
        """Use new certificates and the listener's new limits from the next connection on."""
        self._tls = tls
        self._handshake_s = self._listener.terms.limits.head_timeout_s if tls is not None else None

    def also(self, sockets: list[socket.socket]) -> None:
        """Accept from these, too; `no_longer` ends it."""
        self.sockets += sockets
        if self._pause is None:
            for each in sockets:
                self._loop.add_reader(each.fileno(), self._accept, each)

    def no_longer(self, sockets: list[socket.socket]) -> None:
        """Leave these to somebody else; the connections that were accepted stay."""
        for each in sockets:
            if each in self.sockets:
                self.sockets.remove(each)
                self._loop.remove_reader(each.fileno())
            each.close()

    def retire(self) -> None:
        """Accept what is queued, then stop listening; handshakes continue."""
        for each in self.sockets:
            while self._accept(each):
                pass
        self._stop_listening()

    # ── accepting ─────────────────────────────────────────────────────────────────────────────────

    def _resume(self) -> None:
        self._pause = None
        self._have_spare()
        for each in self.sockets:
            self._loop.add_reader(each.fileno(), self._accept, each)

    def _accept(self, listening: socket.socket) -> bool:
        """Accept some of the waiting connections; return whether more may be waiting."""
        for _ in range(AT_ONCE):
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._is_exhausted(listening)
                    return False
                continue  # the connection died before it was accepted; see accept(2)
            sock.setblocking(False)
            if self._census.enter():
                task = self._loop.create_task(self._serve(sock))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self._refuse(sock, Excess.CONNECTIONS)
        return True

    async def _serve(self, sock: socket.socket) -> None:
        """Run as a task owned here, until the connection is made or its handshake fails."""
        connection = self._listener()
        front = cast("asyncio.Protocol", connection.front)  # a protocol by its methods
        try:
            await self._loop.connect_accepted_socket(
                lambda: front,
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_s,
            )
        except OSError:
            pass  # the handshake failed: the caller's fault
        finally:
            if not connection.was_made:  # otherwise it leaves the census itself
                self._census.leave()
                sock.close()

    # ── refusing ──────────────────────────────────────────────────────────────────────────────────

    def _is_exhausted(self, listening: socket.socket) -> None:
        """Refuse a few waiting callers with the spare descriptor; then let others finish first."""
        for _ in range(MOST_LINGERING):
            if self._spare is None:
                break
            os.close(self._spare)
            self._spare = None
            try:
                sock, _ = listening.accept()
            except OSError:
                break
            sock.setblocking(False)
            self._refuse(sock, Excess.DESCRIPTORS)
            self._end_refused(sock)
            self._have_spare()
        self._have_spare()
        self._census.tell(Excess.DESCRIPTORS, self._loop.time())
        for each in self.sockets:
            self._loop.remove_reader(each.fileno())
        self._pause = self._loop.call_later(PAUSE_S, self._resume)

    def _have_spare(self) -> None:
        if self._spare is None:
            with suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _refuse(self, sock: socket.socket, reason: Excess) -> None:
        self._census.refuse(reason, self._loop.time())
        if self._tls is not None:  # it would need a handshake first
            sock.close()
            return
        with suppress(OSError):
            sock.send(self._words(reason))
            sock.shutdown(socket.SHUT_WR)
        if len(self._refused) >= MOST_LINGERING:
            self._end_refused(self._refused[0])
        self._refused.append(sock)
        self._loop.call_later(REFUSED_LINGER_S, self._end_refused, sock)

    def _words(self, reason: Excess) -> bytes:
        kind = TooManyConnections if reason is Excess.CONNECTIONS else OutOfDescriptors
        error = kind("the gateway has no room for another connection", retry_after_s=1)
        terms = self._listener.terms
        request_id = terms.front.ids.next().decode("ascii")
        return problem_answer(error, request_id, terms.date().decode("ascii"), closes=True, is_head=False)

    def _end_refused(self, sock: socket.socket) -> None:
        """Read what arrived, then close: closing with unread bytes would reset the connection."""
        if sock in self._refused:
            self._refused.remove(sock)
            with suppress(OSError):
                sock.recv(64 * 1024)
            sock.close()
