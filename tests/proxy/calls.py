"""Calls without a caller: of a real connection, whose transport records what is written."""

from __future__ import annotations

import asyncio

from aiohttp.streams import EMPTY_PAYLOAD

from gateway.proxy.call import Call
from tests.core.samples import head_of
from tests.wire.messages import ok
from tests.wire.rig import Rig


class Transport(asyncio.Transport):
    """Takes everything, and tells how it was ended; a naive fake would let a closed one be written to."""

    def __init__(self):
        super().__init__({"peername": ("192.0.2.1", 5000)})
        self.written = b""
        self.end = ""
        self.unsent = 0

    def write(self, data):
        assert not self.end
        self.written += data

    def writelines(self, parts):
        self.write(b"".join(parts))

    def close(self):
        self.end = self.end or "closed"

    def abort(self):
        self.end = "aborted"

    def is_closing(self):
        return bool(self.end)

    def get_write_buffer_size(self):
        return self.unsent

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def connection_of(rig):
    """A connection of the rig's listener that no socket has and no task serves."""
    made = rig.gateway.doors.listeners()[0]()
    made.transport = transport = Transport()
    made.wire_is(transport)
    return made


def call_of(rig, *fields, connection=None, payload=EMPTY_PAYLOAD, **head):
    """A call whose head was read, and the transport of its connection."""
    link = connection or connection_of(rig)
    read = head_of(*fields, **head)
    call = Call(link, read.method, payload, b"id-1", link.now_s())
    call.is_read(read)
    return call


def rig(script=None, **members):
    """A gateway whose route needs no token."""
    members = {"routes": lambda made: [made.route(has_token=False)]} | members
    return Rig(ok() if script is None else script, **members)
