"""Whole answers of upstreams, as bytes and as what they mean."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.http.answer_head import Body


@dataclass(frozen=True)
class Case:
    """Bytes of an answer, and what they mean."""

    data: bytes
    status: int
    framing: Body
    content: bytes = b""
    is_head: bool = False
    is_reusable: bool = True


CHUNKS = b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n"
WHOLE = {
    "a length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, Body.LENGTH, b"hello"),
    "a length and blanks": Case(
        b"HTTP/1.1 200 OK\r\nContent-Length: \t5 \t\r\n\r\nhello", 200, Body.LENGTH, b"hello"
    ),
    "chunked and blanks": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked \r\n\r\n1\r\n1\r\n0\r\n\r\n",
        200,
        Body.CHUNKED,
        b"1",
    ),
    "a length of 0": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, Body.LENGTH),
    "an error with a length": Case(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, Body.LENGTH, b"no"
    ),
    "chunks": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"\r\n",
        200,
        Body.CHUNKED,
        b"Wikipedia",
    ),
    "chunks and trailers": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"X-Sum: 1\r\n\r\n",
        200,
        Body.CHUNKED,
        b"Wikipedia",
    ),
    "HEAD with a length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, Body.NONE, is_head=True),
    "HEAD with chunks": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, Body.NONE, is_head=True
    ),
    "HEAD with neither": Case(b"HTTP/1.1 200 OK\r\n\r\n", 200, Body.NONE, is_head=True),
    "204": Case(b"HTTP/1.1 204 No Content\r\n\r\n", 204, Body.NONE),
    "304 with a length": Case(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, Body.NONE),
    "Connection: close": Case(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
        200,
        Body.LENGTH,
        b"1",
        is_reusable=False,
    ),
    "204 with Connection: close": Case(
        b"HTTP/1.1 204 No Content\r\nConnection: X-A, Close\r\n\r\n", 204, Body.NONE, is_reusable=False
    ),
    "HTTP/1.0": Case(
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1", 200, Body.LENGTH, b"1", is_reusable=False
    ),
    "HTTP/1.0 and HEAD": Case(
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", 200, Body.NONE, is_head=True, is_reusable=False
    ),
}
