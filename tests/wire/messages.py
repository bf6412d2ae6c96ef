"""HTTP/1.1 messages as bytes, read as strictly as the RFCs allow, for both ends of the wire.

Nothing here is lenient: what a tolerant reader would repair (a length beside chunks, a bare LF, a body
that stops early) is what these tests are looking for.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field

_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]+")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
HEAD_LIMIT = 4 * 1024 * 1024


class Broken(Exception):
    """A message that stopped before its end, or that is no message; `received` is what came of the body."""

    def __init__(self, why: str, received: bytes = b"") -> None:
        super().__init__(f"{why}, after {received[:200]!r}")
        self.received = received


class Nothing(Broken):
    """The connection ended before the first byte of a message."""


@dataclass(frozen=True, slots=True)
class Head:
    """Start line and fields as they came: order, case and repetition kept."""

    raw: bytes

    @property
    def line(self) -> bytes:
        return self.raw.partition(b"\r\n")[0]

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        lines = self.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
        return [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]

    @property
    def names(self) -> list[bytes]:
        return [name.lower() for name, _ in self.fields]

    def values(self, name: str) -> list[bytes]:
        return [value for each, value in self.fields if each.lower() == name.lower().encode()]

    def value(self, name: str) -> bytes | None:
        """The one value of a field, or None; a repeated field fails the test."""
        values = self.values(name)
        assert len(values) < 2, f"{name} stands {len(values)} times in {self.raw!r}"
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `framing` is how its end was known."""

    head: Head
    body: bytes
    framing: str
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    interim: list[Head] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.head.line.split(b" ")[1])

    @property
    def closes(self) -> bool:
        return (self.head.value("Connection") or b"").lower() == b"close"

    @property
    def problem(self) -> dict[str, object]:
        assert self.head.value("Content-Type") == b"application/problem+json"
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.problem["type"]).rpartition(":")[2]


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Read up to the empty line.

    Raises:
        Broken: the connection ended first.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Broken("the head stops", error.partial) from None
        raise Nothing("nothing came") from None
    except ConnectionError:
        raise Nothing("the connection was reset") from None
    return Head(raw)


def check_answer_head(head: Head) -> None:
    """An answer of the gateway has lines that end in CRLF, names that are tokens, and one framing field."""
    assert re.fullmatch(rb"HTTP/1\.1 [1-5][0-9][0-9] [^\x00-\x08\x0a-\x1f\x7f]*", head.line), head.raw
    assert b"\n" not in head.raw.replace(b"\r\n", b""), head.raw
    assert b"\r" not in head.raw.replace(b"\r\n", b""), head.raw
    assert all(_NAME.fullmatch(name) for name, _ in head.fields), head.raw
    framing = head.values("Content-Length") + head.values("Transfer-Encoding")
    assert len(framing) < 2, f"more than one framing field: {head.raw!r}"


async def read_length(reader: asyncio.StreamReader, length: int) -> bytes:
    """Read exactly so many bytes, or break with those that came."""
    received = bytearray()
    while len(received) < length:
        part = await _part(reader, min(length - len(received), 1 << 16), received)
        if not part:
            raise Broken(f"{length} bytes were promised", bytes(received))
        received += part
    return bytes(received)


async def _part(reader: asyncio.StreamReader, most: int, received: bytearray) -> bytes:
    try:
        return await reader.read(most)
    except ConnectionError:
        raise Broken("the connection was reset", bytes(received)) from None


async def read_until_close(reader: asyncio.StreamReader) -> bytes:
    """Read to the end of the connection; a reset is no end."""
    received = bytearray()
    while part := await _part(reader, 1 << 16, received):
        received += part
    return bytes(received)


async def read_chunked(reader: asyncio.StreamReader) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """Read a chunked body; give its content, its trailers and its raw bytes."""
    content, raw = bytearray(), bytearray()
    while True:
        line = await _line(reader, content)
        raw += line
        if not _CHUNK_SIZE.fullmatch(line[:-2]):
            raise Broken(f"no chunk size: {line!r}", bytes(content))
        size = int(line[:-2], 16)
        if size == 0:
            break
        try:
            content += await read_length(reader, size)
        except Broken as error:
            raise Broken("a chunk stops", bytes(content) + error.received) from None
        raw += content[-size:]
        if await read_length(reader, 2) != b"\r\n":
            raise Broken("no CRLF behind a chunk", bytes(content))
        raw += b"\r\n"
    trailers = []
    while (line := await _line(reader, content)) != b"\r\n":
        raw += line
        name, _, value = line[:-2].partition(b":")
        trailers.append((name, value.strip(b" \t")))
    return bytes(content), trailers, bytes(raw + line)


async def _line(reader: asyncio.StreamReader, content: bytearray) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except asyncio.IncompleteReadError as error:
        raise Broken(f"a chunked body stops at {error.partial!r}", bytes(content)) from None
    except ConnectionError:
        raise Broken("a chunked body was reset", bytes(content)) from None


def request(method: str, target: str | bytes, *fields: str | bytes, body: bytes = b"") -> bytes:
    """A request of HTTP/1.1 with a Host; a body gets its length unless the fields frame it."""
    target = target if isinstance(target, bytes) else target.encode("latin-1")
    lines = [field if isinstance(field, bytes) else field.encode("latin-1") for field in fields]
    names = {line.partition(b":")[0].lower() for line in lines}
    if b"host" not in names:
        lines.insert(0, b"Host: gateway.test")
    if body and not names & {b"content-length", b"transfer-encoding"}:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", body))


def chunked(*parts: bytes, trailers: bytes = b"") -> bytes:
    """Parts as one chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


def ok(body: bytes = b"ok", *fields: str, status: str = "200 OK") -> bytes:
    """An answer with a length."""
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
