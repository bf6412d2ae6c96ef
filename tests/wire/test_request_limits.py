"""How much of a head a caller may make us hold. Limits of `gateway.yaml`; RFC 6585 section 5."""

import asyncio

import pytest

from gateway.core.settings.all_settings import Limits
from tests.wire.messages import ok, request
from tests.wire.refusal import is_refused
from tests.wire.rig import Rig


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


async def test_a_header_that_is_too_large_is_found_behind_another_request():
    """It comes in two pieces, each of which is small enough."""
    served = asyncio.Event()

    async def handler(exchange):
        await served.wait()
        exchange.write(ok())

    large = request("GET", "/", *(f"X-{number}: {'a' * 120}" for number in range(5)))
    async with Rig(handler, limits=Limits(target_bytes=64, header_bytes=512, headers=8)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/") + large[:400])
        await rig.upstream.until(lambda: rig.upstream.requests)
        await caller.send(large[400:])
        served.set()

        assert [(await caller.answer()).status for _ in range(2)] == [200, 431]
