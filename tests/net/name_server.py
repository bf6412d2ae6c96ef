"""A name server whose every answer a test decides; it speaks real DNS over UDP and TCP, on port 53.

A naive fake replaces the look-up function: it hides what the C library makes of packets, of half an answer
and of silence. This one needs port 53 of an address that the system's resolver asks (`tests.net.alone`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.wire.servers import Changes

A, AAAA = dns.rdatatype.A, dns.rdatatype.AAAA
TTL_S = 1


@dataclass(frozen=True)
class Says:
    """What is said of a name.

    Attributes:
        addresses: those of both families.
        code: of the response.
        silent: the families that it says nothing about, ever.
        is_cut: over UDP it says only that the answer is too long for that.
    """

    addresses: tuple[str, ...] = ()
    code: dns.rcode.Rcode = dns.rcode.NOERROR
    silent: tuple[dns.rdatatype.RdataType, ...] = field(default=())
    is_cut: bool = False


def at(*addresses, **more):
    return Says(addresses, **more)


NO_SUCH_NAME = Says(code=dns.rcode.NXDOMAIN)
SERVER_FAILURE = Says(code=dns.rcode.SERVFAIL)
REFUSED = Says(code=dns.rcode.REFUSED)
EMPTY = Says()
SILENT = Says(silent=(A, AAAA))


class NameServer(Changes):
    """Use it as an asynchronous context manager.

    Attributes:
        says: by name.
        asked: names and families, in the order of the questions.
        asked_by_tcp: how many of them came by TCP.
    """

    def __init__(self, **says):
        super().__init__()
        self.says = {name.replace("_", "."): said for name, said in says.items()}
        self.asked = []
        self.asked_by_tcp = 0

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", 53)
        )
        self._tcp = await asyncio.start_server(self._accept, "127.0.0.1", 53)
        return self

    async def __aexit__(self, *_):
        self._udp.close()
        self._tcp.close()
        await asyncio.sleep(0)  # the transport closes in the next round of the loop

    def times(self, name):
        """How often an address of `name` was asked for."""
        return sum(asked == (name, A) for asked in self.asked)

    async def is_asked(self, name):
        """Wait until it is asked about `name` once more."""
        times = self.times(name)
        await self.until(lambda: self.times(name) > times)

    def response(self, query, *, is_tcp=False):
        """The bytes to send in response to these; None: there is no response."""
        asked = dns.message.from_wire(query)
        (question,) = asked.question
        name = question.name.to_text(omit_final_dot=True).lower()
        said = self.says.get(name, NO_SUCH_NAME)
        self.asked.append((name, question.rdtype))
        self.asked_by_tcp += is_tcp
        self.changed()
        if question.rdtype in said.silent:
            return None
        response = dns.message.make_response(asked, recursion_available=True)
        response.set_rcode(said.code)
        if said.is_cut and not is_tcp:
            response.flags |= dns.flags.TC
            return response.to_wire()
        own = [each for each in said.addresses if (":" in each) == (question.rdtype == AAAA)]
        if own:
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", question.rdtype, *own))
        return response.to_wire()

    async def _accept(self, reader, writer):
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                response = self.response(await reader.readexactly(length), is_tcp=True)
                if response is not None:
                    writer.write(len(response).to_bytes(2, "big") + response)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self._server = server

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        response = self._server.response(data)
        if response is not None:
            self._transport.sendto(response, addr)
