"""What passes: methods, statuses, the first line of an answer. RFC 9110 sections 9 and 15."""

import pytest

from gateway.core.settings.all_settings import Limits
from tests.wire.messages import Broken, ok, request
from tests.wire.rig import Rig


async def test_a_get_passes_with_a_token_and_its_answer_comes_back():
    async with Rig(ok(b'{"users": 3}', "Content-Type: application/json")) as rig:
        answer = await rig.get("/users?page=1", "Accept: */*")

        assert (answer.status, answer.body, answer.framing) == (200, b'{"users": 3}', "length")
        assert answer.head.value("Content-Type") == b"application/json"
        assert rig.upstream.requests[0].line == b"GET /users?page=1 HTTP/1.1"
        assert rig.upstream.tokens == ["token_1"]


async def test_a_post_passes_with_its_body():
    async with Rig() as rig:
        answer = await rig.ask(request("POST", "/users", "Content-Type: text/plain", body=b"Ada"))

        assert answer.status == 200
        assert rig.upstream.requests[0].content == b"Ada"
        assert rig.upstream.requests[0].head.value("Content-Length") == b"3"
        assert rig.upstream.requests[0].head.value("Content-Type") == b"text/plain"


async def test_an_empty_body_keeps_its_length():
    """RFC 9110 section 8.6: servers may ask for a length where POST has none (411)."""
    async with Rig() as rig:
        await rig.ask(request("POST", "/", "Content-Length: 0"))

        assert rig.upstream.requests[0].head.value("Content-Length") == b"0"


async def test_a_get_without_a_body_gets_no_framing_field():
    async with Rig() as rig:
        await rig.get("/")

        assert not {b"content-length", b"transfer-encoding"} & set(rig.upstream.requests[0].head.names)


@pytest.mark.parametrize(
    "method", ["GET", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND", "QUERY", "M-SEARCH"]
)
async def test_any_method_passes_with_and_without_a_body(method):
    async with Rig() as rig:
        caller = await rig.caller()
        assert (await caller.ask(request(method, "/a"))).status == 200
        assert (await caller.ask(request(method, "/b", body=b"abc"))).status == 200

        assert [each.line.split()[0] for each in rig.upstream.requests] == [method.encode()] * 2
        assert [each.content for each in rig.upstream.requests] == [b"", b"abc"]


async def test_a_head_answer_has_the_fields_but_no_body():
    async with Rig(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n") as rig:
        caller = await rig.caller()
        for _ in range(2):
            answer = await caller.ask(request("HEAD", "/"))
            assert (answer.status, answer.head.value("Content-Length")) == (200, b"1234")

        assert rig.upstream.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: x\r\n\r\n",
    ],
    ids=["204", "304", "304 with a length"],
)
async def test_an_answer_that_has_no_body_ends_with_its_head(raw):
    async with Rig(raw) as rig:
        caller = await rig.caller()
        first = await caller.ask(request("GET", "/"))
        second = await caller.ask(request("GET", "/"))

        assert first.status == second.status == int(raw[9:12])
        assert first.head.value("Transfer-Encoding") is None
        assert first.status == 304 or first.head.value("Content-Length") is None
        assert rig.upstream.connections == 1


async def test_an_asterisk_for_the_whole_server_is_passed_to_the_root_route():
    """RFC 9112 section 3.2.4."""
    async with Rig() as rig:
        answer = await rig.ask(request("OPTIONS", "*"))

        assert answer.status == 200
        assert rig.upstream.requests[0].line == b"OPTIONS * HTTP/1.1"


async def test_status_and_reason_pass_unchanged():
    async with Rig(b"HTTP/1.1 299 Quite Fine\r\nContent-Length: 0\r\n\r\n") as rig:
        assert (await rig.get()).head.line == b"HTTP/1.1 299 Quite Fine"


async def test_a_missing_reason_is_no_fault():
    async with Rig(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok") as rig:
        answer = await rig.get()

        assert (answer.status, answer.body) == (200, b"ok")
        assert answer.head.line == b"HTTP/1.1 200 "  # RFC 9112 section 4: the space stays


# ── connections of callers ────────────────────────────────────────────────────────────────────────────


async def test_a_method_that_is_not_known_is_answered_501():
    async with Rig() as rig:
        answer = await rig.ask(request("FOO", "/"))

        assert (answer.status, answer.code) == (501, "method_unsupported")
        assert rig.upstream.saw_nothing


async def test_a_request_that_never_becomes_one_is_told_once():
    async with Rig(limits=Limits(head_timeout_s=5.0)) as rig:
        caller = await rig.caller()
        caller.write(b"GET / HTTP/1.1\r\n")
        caller.leave()
        with pytest.raises(Broken):
            await caller.answer()

        assert rig.told.records == []
