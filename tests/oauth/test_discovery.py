"""Where an issuer's endpoints are: looked up over real sockets, on a clock that the test moves."""

import asyncio
import gzip
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from gateway.core.clock import Clock
from gateway.core.oauth.metadata import ServerMetadata
from gateway.core.oauth.server_answer import MAX_ANSWER_BYTES
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientSettings
from gateway.oauth.discovery import Discovery
from gateway.oauth.transport import Transport
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import (
    HANG,
    OAUTH,
    OPENID,
    FakeAuthorizationServer,
    authorization_server,
    http,
    http_json,
)
from tests.oauth.fakes import WALL_S, Events, client_settings

ELSEWHERE = "http://as.example.com/token"


@dataclass
class Stage:
    """A discovery, what it asks, and its clock."""

    server: FakeAuthorizationServer
    now_s: float = 1000.0
    events: Events = field(default_factory=Events)
    discovery: Discovery | None = None

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: WALL_S, lambda: 0.0)

    @property
    def client(self) -> ClientSettings:
        return discovered(self.server.origin)

    async def metadata(self, client: ClientSettings | None = None) -> ServerMetadata | Failed:
        return await self.discovery.metadata(client or self.client)

    async def endpoint(self) -> str:
        metadata = await self.metadata()
        assert isinstance(metadata, ServerMetadata), metadata
        return metadata.token_endpoint

    async def failure(self) -> Failed:
        failed = await self.metadata()
        assert isinstance(failed, Failed)
        return failed

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(5.0):
            while not happened():
                await asyncio.sleep(0.001)


def discovered(issuer: str, **members: object) -> ClientSettings:
    client = client_settings(**members)
    return replace(client, grant=replace(client.grant, token_endpoint=None, issuer=issuer))


@asynccontextmanager
async def stage():
    async with authorization_server() as server:
        at = Stage(server)
        transport = Transport(Trust())
        at.discovery = Discovery(transport, at.clock, at.events)
        try:
            yield at
        finally:
            await at.discovery.close()
            await transport.close()


# ── looking ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_place_of_the_rfc_is_asked_once_and_without_credentials():
    async with stage() as at:
        at.server.publish()
        at.server.publish(OPENID, token_endpoint=f"{at.server.origin}/other")
        assert await at.endpoint() == await at.endpoint() == f"{at.server.origin}/token"
        [request] = at.server.requests
    assert request.lines[0] == f"GET {OAUTH} HTTP/1.1".encode()
    assert request.values(b"accept") == [b"application/json"]
    assert request.values(b"authorization") == request.values(b"cookie") == []
    assert request.body == b""


@pytest.mark.parametrize(
    "first", [http(404), http(503), http(500, b"<html>"), http(200, b"<html>"), http(302)]
)
async def test_where_it_has_none_the_place_of_openid_is_asked(first: bytes):
    async with stage() as at:
        at.server.places[OAUTH] = first
        at.server.publish(OPENID)
        assert await at.endpoint() == f"{at.server.origin}/token"
        assert at.server.gets == [OAUTH, OPENID]


async def test_another_issuers_name_at_the_first_place_does_not_hide_the_second():
    async with stage() as at:
        at.server.publish(issuer="https://other.test")
        at.server.publish(OPENID)
        assert await at.endpoint() == f"{at.server.origin}/token"


async def test_an_issuer_with_a_path_is_looked_for_at_its_own_places():
    async with stage() as at:
        issuer = f"{at.server.origin}/realms/a"
        at.server.publish(f"/realms/a{OPENID}", issuer=issuer)
        assert isinstance(await at.metadata(discovered(issuer)), ServerMetadata)
        assert at.server.gets == [f"{OAUTH}/realms/a", f"/realms/a{OPENID}"]


async def test_a_final_slash_makes_another_issuer():
    async with stage() as at:
        at.server.publish()
        at.server.publish(OPENID)
        failed = await at.metadata(discovered(f"{at.server.origin}/"))
        assert isinstance(failed, Failed)
        assert failed.reason == "the issuer's metadata names another issuer"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status: int):
    async with stage() as at, authorization_server() as elsewhere:
        elsewhere.publish()
        for place in (OAUTH, OPENID):
            at.server.places[place] = http(status, Location=f"{elsewhere.origin}{OAUTH}")
        failed = await at.failure()
        assert elsewhere.requests == []
    assert failed == Failed(FailureKind.INVALID, f"the issuer publishes no metadata: it answered {status}")


async def test_what_was_looked_at_is_kept_for_the_operator():
    async with stage() as at:
        assert at.discovery.looks(at.client) == ()
        at.server.publish(issuer="https://other.test")
        await at.failure()
        first, second = at.discovery.looks(at.client)
        assert (first.url, first.status, first.said_issuer) == (
            f"{at.server.origin}{OAUTH}",
            200,
            "https://other.test",
        )
        assert (second.url, second.status, second.said_issuer) == (f"{at.server.origin}{OPENID}", 404, "")


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────

NO_JSON = "the issuer publishes no metadata: its answer is not a JSON object"
OTHER = "the issuer's metadata names another issuer"


@pytest.mark.parametrize(
    ("first", "second", "kind", "reason"),
    [
        (404, 404, FailureKind.INVALID, "the issuer publishes no metadata: it answered 404"),
        (404, b"<html>", FailureKind.INVALID, NO_JSON),
        ({"issuer": "https://other.test"}, 404, FailureKind.INVALID, OTHER),
        (404, {"issuer": "https://other.test"}, FailureKind.INVALID, OTHER),
        (503, 404, FailureKind.UNREACHABLE, "the issuer answered 503 when asked for its metadata"),
        (404, 429, FailureKind.UNREACHABLE, "the issuer answered 429 when asked for its metadata"),
        (
            gzip.compress(b"{}", mtime=0),
            404,
            FailureKind.INVALID,
            "the issuer publishes no metadata: it answered 404",
        ),
    ],
)
async def test_the_failure_that_says_most_is_told(first, second, kind: FailureKind, reason: str):
    def page(what) -> bytes:
        if isinstance(what, int):
            return http(what)
        return http(200, what) if isinstance(what, bytes) else http_json(200, what)

    async with stage() as at:
        at.server.places = {OAUTH: page(first), OPENID: page(second)}
        assert await at.failure() == Failed(kind, reason)


async def test_metadata_that_was_compressed_unasked_is_unpacked():
    async with stage() as at:
        document = {"issuer": at.server.origin, "token_endpoint": f"{at.server.origin}/token"}
        packed = gzip.compress(json.dumps(document).encode())
        at.server.places[OAUTH] = http(200, packed, Content_Encoding="gzip")
        assert await at.endpoint() == f"{at.server.origin}/token"


async def test_metadata_without_end_is_cut_off():
    async with stage() as at:
        at.server.places[OAUTH] = http(200, b" " * (MAX_ANSWER_BYTES + 1))
        failed = await at.failure()
    assert failed.reason == "no metadata of the issuer: the authorization server answered more than 1 MiB"


async def test_an_endpoint_in_plain_on_another_machine_is_believed_only_where_it_is_allowed():
    async with stage() as at:
        at.server.publish(token_endpoint=ELSEWHERE)
        at.server.publish(OPENID, token_endpoint=ELSEWHERE)
        assert (await at.failure()).kind is FailureKind.INVALID
        allowed = await at.metadata(discovered(at.server.origin, allows_insecure=True))
        assert isinstance(allowed, ServerMetadata)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", FailureKind.UNREACHABLE),
        (b"SSH-2.0\r\n\r\n", FailureKind.INVALID),
        (HANG, FailureKind.SLOW),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{", FailureKind.UNREACHABLE),
    ],
)
async def test_a_server_that_breaks_off_is_not_asked_at_the_second_place(answer: bytes, kind: FailureKind):
    async with stage() as at:
        at.server.places[OAUTH] = answer
        at.server.publish(OPENID)
        failed = await at.metadata(discovered(at.server.origin, timeout_s=0.2))
        assert isinstance(failed, Failed)
        assert failed.kind is kind
        assert failed.reason.startswith("no metadata of the issuer: ")
        assert OPENID not in at.server.gets


async def test_a_server_that_is_down_at_the_start_is_asked_again_after_a_pause_by_whoever_comes():
    async with stage() as at:
        at.server.places[OAUTH] = b""
        failed = await at.failure()
        assert failed.kind is FailureKind.UNREACHABLE
        at.server.publish()
        asked = len(at.server.requests)
        assert await at.failure() is failed
        assert len(at.server.requests) == asked, "it rests"
        at.now_s += 1.1
        assert await at.endpoint() == f"{at.server.origin}/token"
        assert at.events.kept == []
