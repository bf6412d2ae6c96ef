"""How upstreams end TLS, what they demand of us, and whose name they have.

RFC 9112 section 9.8: an answer whose end is the connection's is whole only after a close_notify.
"""

from __future__ import annotations

import asyncio
import ssl

import pytest

from gateway.core.settings.upstream_settings import Scheme
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import Broken, ok, request
from tests.wire.rig import Rig
from tests.wire.tls_upstream import (
    TlsUpstream,
    half_without_close_notify,
    with_close_notify,
    with_close_notify_and_open,
    with_close_notify_in_halves,
    without_close_notify,
)

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
WHOLE = [with_close_notify, with_close_notify_and_open, with_close_notify_in_halves]
CUT = [without_close_notify, half_without_close_notify]
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def context_of(authority, version, names=("localhost", "127.0.0.1"), **demands):
    context = server_context(authority.leaf(*names), **demands)
    context.minimum_version = context.maximum_version = version
    return context


def to(authority, upstream, host="localhost", **members):
    known = {"scheme": Scheme.HTTPS, "host": host, "port": upstream.port, "ca_file": authority.ca_file}
    return lambda rig: [rig.route(upstream=rig.upstream_settings(**(known | members)), has_token=False)]


# ── the end of an answer ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", WHOLE)
async def test_an_answer_that_ends_with_a_close_notify_is_whole(authority, version, end):
    with TlsUpstream(context_of(authority, version), UNTIL_CLOSE, end) as upstream:
        async with Rig(routes=to(authority, upstream)) as rig:
            assert (await rig.get()).body == b"hello"
            assert rig.told.records[0].error == ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", CUT)
async def test_an_answer_that_ends_without_one_is_broken_off(authority, version, end):
    with TlsUpstream(context_of(authority, version), UNTIL_CLOSE, end) as upstream:
        async with Rig(routes=to(authority, upstream)) as rig:
            with pytest.raises(Broken) as broken:
                await rig.get()
            assert broken.value.received.endswith(b"hello") or not broken.value.received
            assert rig.told.records[0].error == "upstream_answer_incomplete"


@pytest.mark.parametrize("end", CUT)
async def test_where_the_owner_allows_it_such_an_answer_is_whole(authority, end):
    with TlsUpstream(context_of(authority, VERSIONS[1]), UNTIL_CLOSE, end) as upstream:
        routes = to(authority, upstream, needs_close_notify=False)
        async with Rig(routes=routes) as rig:
            assert (await rig.get()).body == b"hello"


@pytest.mark.parametrize("answer", [ok(b"hello"), CHUNKED])
@pytest.mark.parametrize("end", [*WHOLE, *CUT])
async def test_an_answer_that_says_its_own_end_is_whole_in_any_case(authority, answer, end):
    with TlsUpstream(context_of(authority, VERSIONS[1]), answer, end) as upstream:
        async with Rig(routes=to(authority, upstream)) as rig:
            assert (await rig.get()).body == b"hello"


async def test_without_tls_the_end_of_the_connection_is_that_of_the_answer():
    async def until_close(exchange):
        await exchange.send(UNTIL_CLOSE)
        exchange.close()

    async with Rig(until_close) as rig:
        assert (await rig.get()).body == b"hello"


LONG = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (1 << 20),
]


@pytest.mark.parametrize("head", LONG)
@pytest.mark.parametrize("end", [with_close_notify, with_close_notify_in_halves])
async def test_a_slow_caller_gets_all_of_an_answer_that_the_upstream_has_ended(authority, head, end):
    """While reading is paused uvloop's TLS would drop what waits, once the connection ends."""
    body = bytes(range(256)) * (1 << 12)
    with TlsUpstream(context_of(authority, VERSIONS[1]), head + body, end) as upstream:
        async with Rig(routes=to(authority, upstream)) as rig:
            caller = await rig.caller()
            caller.writer.transport.pause_reading()
            await caller.send(request("GET", "/"))
            for _ in range(30):  # until all is read that will be: the upstream has ended by then
                await asyncio.sleep(0.01)
            caller.writer.transport.resume_reading()
            assert (await caller.answer()).body == body


# ── what the upstream demands of us ───────────────────────────────────────────────────────────────


async def refused(rig, words):
    answer = await rig.get()

    assert (answer.status, answer.code) == (502, "upstream_tls_failed")
    assert words in str(answer.problem["detail"])
    assert rig.told.records[0].error == "upstream_tls_failed"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_certificate_that_we_do_not_have_is_told_as_that(authority, version):
    """Under TLS 1.3 our handshake is over before the upstream knows that there is none."""
    context = context_of(authority, version, client_authority=authority)
    with TlsUpstream(context, ok()) as upstream:
        async with Rig(routes=to(authority, upstream)) as rig:
            await refused(
                rig, "demand" if version is VERSIONS[0] else "demands a certificate from the gateway"
            )
        assert upstream.requests == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_certificate_that_the_upstream_does_not_trust_is_told_as_that(authority, tmp_path, version):
    stranger = Authority.make(tmp_path / "stranger")
    context = context_of(authority, version, client_authority=authority)
    with TlsUpstream(context, ok()) as upstream:
        routes = to(authority, upstream, certificate=stranger.leaf("gateway.test"))
        async with Rig(routes=routes) as rig:
            await refused(rig, "refused the certificate")
        assert upstream.requests == []


# ── whose name it has ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_server_name_is_what_is_verified_and_sent(authority, host):
    context = context_of(authority, VERSIONS[1], ["api.example.com"])
    with TlsUpstream(context, ok(b"hello")) as upstream:
        async with Rig(routes=to(authority, upstream, host, server_name="api.example.com")) as rig:
            assert (await rig.get()).body == b"hello"
        assert upstream.names == ["api.example.com"]
        assert b"\r\nHost: %b:%d\r\n" % (host.encode(), upstream.port) in upstream.requests[0]


async def test_a_certificate_for_the_address_alone_is_refused_where_another_name_is_wanted(authority):
    context = context_of(authority, VERSIONS[1], ["127.0.0.1", "localhost"])
    with TlsUpstream(context, ok()) as upstream:
        async with Rig(routes=to(authority, upstream, server_name="api.example.com")) as rig:
            await refused(rig, "for another name")
        assert upstream.requests == []
