"""Bytes that two servers could read in two ways: refused, the connection closed, nothing forwarded.

RFC 9112 sections 2.2, 3.2, 5, 6.3 and 11.2; CVE classes in `docs/security.md`.
"""

import asyncio

import pytest

from tests.wire.messages import ok, request
from tests.wire.refusal import NEXT, POST, is_refused
from tests.wire.rig import Rig

MALFORMED = {
    "length beside chunked": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked beside length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\nok",
    "a signed length": POST + b"Content-Length: +2\r\n\r\nok",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\nok",
    "an underscored length": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an endless length": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo : bar\r\n\r\n",
    "tab before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "an empty name": b"GET / HTTP/1.1\r\nHost: a\r\n: bar\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo\r\n\r\n",
    "a name that is no token": b"GET / HTTP/1.1\r\nHost: a\r\nX(Foo): bar\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo: bar\r\n baz\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n",
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare LF behind the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF behind a field": b"GET / HTTP/1.1\r\nHost: a\nX-Foo: bar\r\n\r\n",
    "bare LF as the empty line": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo: a\rX-Bar: b\r\n\r\n",
    "bare CR in the target": b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo: a\0b\r\n\r\n",
    "NUL in a name": b"GET / HTTP/1.1\r\nHost: a\r\nX-F\0o: b\r\n\r\n",
    "NUL in the target": b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control byte in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo: a\x01b\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no target": b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a relative target": b"GET users HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown scheme": b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute form with user information": b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute form without authority": b"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute form with a bad authority": b"GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute form with bytes above ASCII": b"GET http://\xe9/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "no Host but another field": b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two equal Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "a Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a Host with user information": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "a Host with a list": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "a Host with a word for a port": b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "a Host with something behind the bracket": b"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
    "a Host with an open bracket": b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method that is no token": b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk for GET": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a word for the version": b"GET / HTTX/1.1\r\nHost: a\r\n\r\n",
    "a version with two digits": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "something behind the version": b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 64 + b"\r\n\r\n",
    "an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_request_is_answered_400_and_nothing_is_forwarded(data):
    async with Rig() as rig:
        await is_refused(rig, data, 400)


@pytest.mark.parametrize(
    "data",
    [MALFORMED["length beside chunked"], MALFORMED["bare LF behind a field"], MALFORMED["no colon"]],
    ids=["framing", "line", "field"],
)
async def test_a_malformed_request_is_refused_also_byte_by_byte(data):
    async with Rig() as rig:
        caller = await rig.caller()
        for at in range(len(data)):
            await caller.send(data[at : at + 1])
            await asyncio.sleep(0)
        answer = await caller.answer()

        assert (answer.status, answer.closes) == (400, True)
        assert await caller.rest() == b""
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize(
    "coding",
    [
        b"gzip",
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, chunked",
        b"identity",
        b"xchunked",
        b"chunked;q=1",
    ],
)
async def test_a_transfer_coding_other_than_one_chunked_is_refused(coding):
    async with Rig() as rig:
        await is_refused(rig, POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n", 400, 501)


async def test_two_transfer_encoding_fields_are_refused():
    async with Rig() as rig:
        fields = b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        await is_refused(rig, POST + fields, 400, 501)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
    ],
    ids=[
        "1.2",
        "2.0",
        "3.7",
        "0.9",
        "HTTP/2 preface",
        "CONNECT",
        "TRACE",
        "half a handshake of websocket",
    ],
)
async def test_what_is_not_served_is_refused_with_its_own_status(data, status):
    async with Rig() as rig:
        await is_refused(rig, data, status)


@pytest.mark.parametrize("data", [b"GET /\r\n", b"GET /\r\n\r\n"], ids=["one line", "two lines"])
async def test_a_request_line_of_http_0_9_is_refused(data):
    async with Rig() as rig:
        await is_refused(rig, data, 400, 505)


async def test_empty_lines_before_a_request_are_skipped():
    """RFC 9112 section 2.2: old callers send a CRLF behind a body."""
    async with Rig() as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("POST", "/", body=b"abc") + b"\r\n")).status == 200
        assert (await caller.ask(b"\r\n" + NEXT)).status == 200


async def test_a_good_request_before_a_bad_one_is_answered_first():
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", "/good") + MALFORMED["no colon"] + NEXT)
        refusal = await caller.answer()

        assert (answer.status, refusal.status, refusal.closes) == (200, 400, True)
        assert await caller.rest() == b""
        assert [each.target for each in rig.upstream.requests] == [b"/good"]


async def test_nothing_of_a_malformed_request_is_quoted():
    async with Rig() as rig:
        answer = await rig.ask(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer my-password\r\n\r\n")

        assert answer.status == 400
        assert b"my-password" not in answer.head.raw + answer.body
        assert rig.told.records[0].error == "malformed_request"


async def test_an_injected_line_end_in_a_value_reaches_nobody():
    async with Rig(ok(b"ok", "X-Foo: a")) as rig:
        answer = await rig.ask(request("GET", "/?a=%0d%0aX-Injected:%201"))

        assert answer.status == 200
        assert rig.upstream.requests[0].target == b"/?a=%0d%0aX-Injected:%201"
