"""Upgrades: refused or ignored, and never a way past the rules. RFC 9110 section 7.8, aiohttp GHSA-mfx4."""

import pytest

from tests.wire.messages import chunked, request
from tests.wire.refusal import NEXT
from tests.wire.rig import Rig


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
