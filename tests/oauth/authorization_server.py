"""A fake authorization server on a real socket that records raw bytes.

A naive fake built on an HTTP framework would hide what really went out (two credentials, an empty scope,
a cookie, an absolute target), would answer well-formed HTTP whatever the test wants to say, and would hand
out one constant token, so that no test could tell which token went out. This one answers any bytes, or
hangs, or closes, and numbers its tokens: access_token_1, access_token_2, ...
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

HANG = b"HANG"
"""At the end of an answer: the rest of it never comes."""
OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


def http(status: int, body: bytes = b"", **fields: str) -> bytes:
    """An answer as bytes; underscores in names of fields stand for hyphens."""
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*head, "", ""]).encode() + body


def http_json(status: int, document: object, **fields: str) -> bytes:
    return http(status, json.dumps(document).encode(), Content_Type="application/json", **fields)


@dataclass
class Recorded:
    """One request as it came in."""

    head: bytes
    body: bytes

    @property
    def lines(self) -> list[bytes]:
        return self.head.split(b"\r\n")

    @property
    def method(self) -> str:
        return self.head.partition(b" ")[0].decode()

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))

    @property
    def proof(self) -> dict[str, Any]:
        """The claims of its DPoP proof; not verified here."""
        [proof] = self.values(b"dpop")
        claims = proof.split(b".")[1]
        return json.loads(urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))

    def values(self, name: bytes) -> list[bytes]:
        pairs = [line.partition(b":") for line in self.lines[1:]]
        return [value.strip() for key, _, value in pairs if key.strip().lower() == name.lower()]


@dataclass
class FakeAuthorizationServer:
    """Answers as it is told; by default every POST is granted the next token, and nothing can be got.

    Attributes:
        answer: what a POST is answered.
        reply: the same, of the request.
        places: what a GET is answered, by its target.
        issues_to_get: a GET is answered as a POST is.
        gate: while it is closed, every answer waits.
    """

    port: int = 0
    lifetime_s: int = 3600
    requests: list[Recorded] = field(default_factory=list)
    connections: int = 0
    certificates: list[bytes | None] = field(default_factory=list)
    answer: Callable[[], bytes] | None = None
    reply: Callable[[Recorded], bytes] | None = None
    places: dict[str, bytes] = field(default_factory=dict)
    issues_to_get: bool = False
    scheme: str = "http"
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def posts(self) -> list[Recorded]:
        return [request for request in self.requests if request.method == "POST"]

    @property
    def gets(self) -> list[str]:
        return [request.target for request in self.requests if request.method == "GET"]

    def publish(self, place: str = OAUTH, *, cache: str = "", **members: object) -> None:
        """Say of itself, at a well-known place, that its issuer is its origin and that it has a token endpoint."""
        document = {"issuer": self.origin, "token_endpoint": f"{self.origin}/token"} | members
        self.places[place] = http_json(200, document, Cache_Control=cache)

    def granted(self, token_type: str = "Bearer", **members: object) -> bytes:
        document = {
            "access_token": f"access_token_{len(self.posts)}",
            "token_type": token_type,
            "expires_in": self.lifetime_s,
        } | members
        return http_json(200, document, Cache_Control="no-store")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        tls = writer.get_extra_info("ssl_object")
        if tls is not None:
            self.certificates.append(tls.getpeercert(True))
        # Whoever hangs up on us in the middle is what some tests are about.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while await self._serve_one(reader, writer):
                pass
        writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        request = Recorded(head.removesuffix(b"\r\n\r\n"), b"")
        request.body = await reader.readexactly(int((request.values(b"content-length") or [b"0"])[0]))
        self.requests.append(request)
        self.asked.set()
        await self.gate.wait()
        answer = self._answer_to(request)
        writer.write(answer.removesuffix(HANG))
        await writer.drain()
        if answer.endswith(HANG):
            await reader.read(1)  # until the other side gives up
            return False
        return _is_complete(answer)

    def _answer_to(self, request: Recorded) -> bytes:
        if request.method == "GET" and not self.issues_to_get:
            return self.places.get(request.target, http(404))
        return self.reply(request) if self.reply is not None else (self.answer or self.granted)()


def _is_complete(answer: bytes) -> bool:
    """Whether the connection can go on; after anything else it is closed."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return b"\r\nContent-Length: %d" % len(body) in head


@asynccontextmanager
async def authorization_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeAuthorizationServer]:
    """Serve on a free port of the loopback until the block ends; no connection outlives it."""
    fake, tasks, writers = FakeAuthorizationServer(scheme="http" if tls is None else "https"), [], []
    fake.gate.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        writers.append(writer)
        await fake.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", fake.port, ssl=tls)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        fake.gate.set()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks)
