"""Bytes that two servers could read in two ways: refused, the connection closed, nothing forwarded.

RFC 9112 sections 2.2, 3.2, 5, 6.3, 7.1 and 11.2; CVE classes in `docs/security.md`.
"""

import asyncio
from contextlib import suppress

import pytest

from gateway.core.settings import Limits
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import Rig

NEXT = request("GET", "/smuggled")
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

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


async def is_refused(rig, data, *statuses):
    """One answer, the end of the connection, and nothing at the upstream."""
    caller = await rig.caller()
    answer = await caller.ask(data + NEXT)

    assert answer.status in statuses
    assert answer.problem["status"] == answer.status
    assert answer.closes
    assert await caller.rest() == b"", "something behind the refused request was answered"
    assert rig.upstream.saw_nothing


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
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, WebSocket\r\n\r\n", 501),
    ],
    ids=[
        "1.2",
        "2.0",
        "3.7",
        "0.9",
        "HTTP/2 preface",
        "CONNECT",
        "TRACE",
        "websocket",
        "websocket in a list",
    ],
)
async def test_what_is_not_served_is_refused_with_its_own_status(data, status):
    async with Rig() as rig:
        await is_refused(rig, data, status)


@pytest.mark.parametrize("data", [b"GET /\r\n", b"GET /\r\n\r\n"], ids=["one line", "two lines"])
async def test_a_request_line_of_http_0_9_is_refused(data):
    async with Rig() as rig:
        await is_refused(rig, data, 400, 505)


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
async def test_an_upgrade_that_connection_does_not_list_is_ignored(version):
    async with Rig() as rig:
        answer = await rig.ask(b"GET / " + version + b"\r\nHost: a\r\nUpgrade: websocket\r\n\r\n")

        assert answer.status == 200
        assert rig.upstream.requests[0].head.value("Upgrade") is None


async def test_h2c_is_ignored_and_what_stands_behind_it_is_not_served():
    """RFC 9110 section 7.8; a blind pipe after `Upgrade: h2c` goes past every rule."""
    async with Rig() as rig:
        caller = await rig.caller()
        head = (
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        )
        answer = await caller.ask(request("GET", "/", *head) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NEXT)

        assert (answer.status, answer.closes) == (200, True)
        assert await caller.rest() == b""
        assert [each.target for each in rig.upstream.requests] == [b"/"]
        assert not {b"upgrade", b"http2-settings", b"connection"} & set(rig.upstream.requests[0].head.names)


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_the_body_of_an_ignored_upgrade_is_a_body(framing):
    """aiohttp GHSA-mfx4: a body behind Upgrade was taken for the next request."""
    fields = "Connection: Upgrade", "Upgrade: h2c"
    body, field = (NEXT, f"Content-Length: {len(NEXT)}") if framing == "length" else (
        chunked(NEXT), "Transfer-Encoding: chunked")  # fmt: skip
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/", *fields, field) + body)

        assert answer.status == 200
        assert await caller.rest() == b""
        assert [each.content for each in rig.upstream.requests] == [NEXT]


async def test_nothing_is_served_behind_an_ignored_upgrade_whose_body_comes_later():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(
            request("POST", "/", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 6") + b"abc"
        )
        await rig.upstream.until(lambda: rig.upstream.requests)
        answer = await caller.ask(b"def" + NEXT)

        assert (answer.status, answer.closes) == (200, True)
        assert await caller.rest() == b""
        assert [each.content for each in rig.upstream.requests] == [b"abcdef"]


CHUNK_JUNK = {
    "a word": b"x\r\nabc\r\n0\r\n\r\n",
    "a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a minus": b"-3\r\nabc\r\n0\r\n\r\n",
    "a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "a space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "a space inside": b"3 3\r\nabc\r\n0\r\n\r\n",
    "too long": b"FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    "empty": b"\r\nabc\r\n0\r\n\r\n",
    "bare LF": b"3\nabc\n0\n\n",
    "bare LF behind the size": b"3\nabc\r\n0\r\n\r\n",
    "bare CR behind the size": b"3\rabc\r\n0\r\n\r\n",
    "no CRLF behind the data": b"3\r\nabcd\r\n0\r\n\r\n",
    "bare LF behind the data": b"3\r\nabc\n0\r\n\r\n",
    "LF in an extension": b"3;a=\nb\r\nabc\r\n0\r\n\r\n",
    "CR in an extension": b"3;a=\rb\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": b"3;a=\0\r\nabc\r\n0\r\n\r\n",
    "bare LF in the trailers": b"3\r\nabc\r\n0\r\nX-Foo: a\n\r\n",
    "a folded trailer": b"3\r\nabc\r\n0\r\nX-Foo: a\r\n b\r\n\r\n",
    "a trailer without colon": b"3\r\nabc\r\n0\r\nX-Foo\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNK_JUNK.values(), ids=CHUNK_JUNK)
@pytest.mark.parametrize("is_split", [False, True], ids=["at once", "head first"])
async def test_chunks_that_two_servers_read_differently_are_refused(body, is_split):
    """The exchange may have begun; it must not end as if the body had."""
    async with Rig() as rig:
        caller = await rig.caller()
        head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        if is_split:
            await caller.send(head)
            await rig.upstream.until(lambda: rig.upstream.requests)
            head = b""
        answer = await caller.ask(head + body + NEXT)

        assert (answer.status, answer.closes) == (400, True)
        assert await caller.rest() == b""
        assert not [each for each in rig.upstream.requests if each.has_body and each.raw_body]
        assert not [each for each in rig.upstream.requests if each.target == b"/smuggled"]


@pytest.mark.parametrize("extension", [b";a=b", b";a", b';a="b;c"', b" ;a=b"])
async def test_a_short_chunk_extension_is_dropped(extension):
    """RFC 9112 section 7.1.1: a recipient ignores extensions it does not know."""
    async with Rig() as rig:
        answer = await rig.ask(
            POST + b"Transfer-Encoding: chunked\r\n\r\n3" + extension + b"\r\nabc\r\n0\r\n\r\n"
        )

        if answer.status == 200:
            assert rig.upstream.requests[0].raw_body == b"3\r\nabc\r\n0\r\n\r\n"
        else:
            assert (answer.status, extension) == (400, b" ;a=b")


async def test_a_flood_of_chunk_extensions_is_cut_off():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        flood = b"1;" + b"a" * 8000 + b"\r\nx\r\n"
        for _ in range(200):
            await caller.send(flood)
            await asyncio.sleep(0)
        answer = await caller.answer("POST")

        assert (answer.status, answer.closes) == (400, True)
        assert len(b"".join(each.raw_body for each in rig.upstream.requests)) == 0


async def test_small_chunks_are_no_flood():
    """A caller that sends one byte at a time pays five more for each; that is its right."""
    async with Rig() as rig:
        caller = await rig.caller()
        body = chunked(*(b"x" for _ in range(20_000)))
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body[:100])
        await rig.upstream.until(lambda: rig.upstream.requests)
        answer = await caller.ask(body[100:])

        assert answer.status == 200
        assert rig.upstream.requests[0].content == b"x" * 20_000


@pytest.mark.parametrize("is_split", [False, True], ids=["in one write", "one after the other"])
@pytest.mark.parametrize(
    "trailers",
    [b"", b"X-Leak: 1\r\n", b"Authorization: Bearer stolen\r\n", b"X-A: 1\r\nHost: evil.test\r\n"],
    ids=["none", "X-Leak", "Authorization", "Host last"],
)
async def test_request_trailers_never_become_header_fields(trailers, is_split):
    """aiohttp hands the last trailer of a chunked request to the header of the next one."""
    first = POST + b"Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
    first += chunked(b"abc", trailers=trailers)
    async with Rig() as rig:
        caller = await rig.caller()
        if is_split:
            assert (await caller.ask(first)).status == 200
            assert (await caller.ask(NEXT)).status == 200
        else:
            await caller.send(first + NEXT)
            await answered_or_closed(caller)
            await answered_or_closed(caller)

        for each in rig.upstream.requests:
            assert not {b"x-leak", b"x-a"} & set(each.head.names)
            assert each.head.value("Host") == b"127.0.0.1:%d" % rig.upstream.port
            assert each.token == "token_1"
            assert each.trailers == []


async def answered_or_closed(caller):
    """A pipelined request behind chunks may be left to another connection (RFC 9112 section 9.3.2)."""
    with suppress(Broken):
        await caller.answer()


async def test_trailers_that_arrive_apart_from_the_last_chunk_do_not_leak():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Le")
        await rig.upstream.until(lambda: rig.upstream.requests)
        assert (await caller.ask(b"ak: 1\r\n\r\n")).status == 200
        assert (await caller.ask(NEXT)).status == 200

        assert [b"x-leak" in each.head.names for each in rig.upstream.requests] == [False, False]


async def test_many_chunked_requests_are_served_on_one_connection():
    """Each begins a parser of its own; pipelined GETs behind them must still all be answered."""
    async with Rig() as rig:
        caller = await rig.caller()
        for number in range(40):
            body = chunked(b"%d" % number, trailers=b"X-Leak: 1\r\n")
            assert (await caller.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)).status == 200
        await caller.send(NEXT * 40)
        for _ in range(40):
            assert (await caller.answer()).status == 200

        assert len(rig.upstream.requests) == 80
        assert not [each for each in rig.upstream.requests if b"x-leak" in each.head.names]


async def test_a_flood_of_trailers_is_cut_off():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
        for number in range(400):
            await caller.send(b"X-%d: " % number + b"a" * 4000 + b"\r\n")
            await asyncio.sleep(0)
        answer = await caller.ask(b"\r\n" + NEXT)

        assert 400 <= answer.status < 500
        assert await caller.rest() == b""


AMBIGUOUS = [
    "/a/../b",
    "/a/./b",
    "/..",
    "/.",
    "/a/%2e%2e/b",
    "/a/%2E%2e/b",
    "/a/.%2e/b",
    "/a/%2e/b",
    "/a/..;/b",
    "/a/..;x=y/b",
    "/a/.;/b",
    "/a/%2e%2e;/b",
    "/a/..%3b/b",
    "/a/..%2fb",
    "/a%2f..%2fb",
    "/a/%252e%252e/b",
    "/a/%252e%252e%252fb",
    "/a\\b",
    "/a\\..\\b",
    "/a%5cb",
    "/a%5C..%5Cb",
    "/a%255cb",
    "/a%00b",
    "/a%2500b",
    "/a%0ab",
    "/a%0d%0aX-Injected:%201",
    "/a%09b",
    "/a%7fb",
]


@pytest.mark.parametrize("path", AMBIGUOUS)
async def test_a_path_with_two_readings_is_refused(path):
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", path))

        assert (answer.status, answer.code) == (400, "ambiguous_path")
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize(
    "path",
    [
        "//admin/users",
        "/public//../admin",
        "/%61dmin/users",
        "/%61%64min",
        "/%2561dmin",
        "/%2fadmin",
        "/admin%2fusers",
        "/public/%2e./admin",
        "///admin",
        "/admin;x=1/users",
        "/admin;/users",
        "/;x/admin",
    ],
)
async def test_a_path_that_could_be_read_as_one_of_another_route_is_refused(path):
    """The route `/` would take these; an upstream that decodes or merges reads `/admin`."""
    async with Rig(routes=lambda rig: [rig.route("/"), rig.route("/admin", has_token=False)]) as rig:
        answer = await rig.get(path)

        assert (answer.status, answer.code) == (400, "ambiguous_path")
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize(
    "path", ["/.well-known/x", "/a//b", "/a;b=c", "/a%2Fb", "/%C3%A9", "/a..b", "/...", "/a."]
)
async def test_a_path_with_one_reading_passes(path):
    async with Rig() as rig:
        assert (await rig.get(path)).status == 200
        assert rig.upstream.requests[0].target == path.encode()


async def test_an_absolute_form_replaces_host_and_only_its_path_is_forwarded():
    """RFC 9112 section 3.2.2."""

    def routes(rig):
        return [
            rig.route("/", host="a.test", preserves_host=True),
            rig.route("/", host="b.test", name="b", preserves_host=True),
        ]

    async with Rig(routes=routes) as rig:
        answer = await rig.ask(b"GET http://a.test:8080/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n")

        assert answer.status == 200
        assert rig.upstream.requests[0].line == b"GET /x?y HTTP/1.1"
        assert rig.upstream.requests[0].head.value("Host") == b"a.test:8080"
        assert rig.told.records[0].route == "/"


@pytest.mark.parametrize("target", ["http://a.test", "http://a.test?x"])
async def test_an_absolute_form_without_a_path_asks_for_the_root(target):
    async with Rig() as rig:
        await rig.get(target)

        assert rig.upstream.requests[0].target == b"/" + target[13:].encode()


@pytest.mark.parametrize(
    ("size", "status"), [(9 * 1024, 414), (40 * 1024, 414)], ids=["a little too long", "far too long"]
)
async def test_a_target_that_is_too_long_is_answered_414(size, status):
    async with Rig() as rig:
        await is_refused(rig, request("GET", "/" + "a" * size), status)


@pytest.mark.parametrize(
    "fields",
    [
        ["X-Long: " + "a" * 70_000],
        [f"X-{number}: {'a' * 1000}" for number in range(100)],
        [f"X-{number}: a" for number in range(200)],
        [f"X-{number}: a" for number in range(2000)],
        ["X-Forwarded-For: " + "a" * 70_000],
        ["Cookie: " + "a" * 60_000, "X-Request-ID: " + "b" * 60_000],
    ],
    ids=["one long field", "too many bytes", "too many", "far too many", "a special one", "half special"],
)
async def test_a_header_that_is_too_large_is_answered_431(fields):
    async with Rig() as rig:
        await is_refused(rig, request("GET", "/", *fields), 431)


async def test_a_head_without_end_is_cut_off():
    """The bytes that the gateway takes before it refuses are bounded."""
    async with Rig() as rig:
        caller = await rig.caller()
        caller.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ")
        for _ in range(64):
            await caller.send(b"a" * 65_536)
        answer = await caller.answer()

        assert (answer.status, answer.closes) == (431, True)


async def test_the_limits_are_the_settings_own():
    async with Rig(limits=Limits(target_bytes=64, header_bytes=512, headers=8)) as rig:
        assert (await rig.get("/" + "a" * 63)).status == 200
        assert (await rig.get("/" + "a" * 64)).status == 414
        assert (await rig.get("/", "X-Long: " + "a" * 600)).status == 431
        assert (await rig.get("/", *(f"X-{number}: a" for number in range(9)))).status == 431


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
