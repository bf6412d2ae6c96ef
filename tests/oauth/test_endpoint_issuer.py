"""A token endpoint that the issuer says: asked where it says, compared with the settings, doubted when it fails."""

from contextlib import asynccontextmanager

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientName
from gateway.oauth.discovery import RENEW_INTERVAL_S
from gateway.oauth.endpoint import TokenEndpoint
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import OAUTH, authorization_server, http, http_json
from tests.oauth.certificates import asking_context, pair_in
from tests.oauth.fakes import Events
from tests.oauth.test_discovery import Stage, discovered
from tests.oauth.test_discovery_renewal import renewed
from tests.oauth.test_endpoint import client_at, token_endpoint, with_grant
from tests.oauth.test_endpoint_certificates import client_of
from tests.oauth.test_transport import closed


async def test_an_issuer_alone_is_enough():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.publish(token_endpoint=f"{server.origin}/oauth2/v1/token?x=1")
        client = discovered(server.origin)
        assert endpoint.facts(client).token_endpoint == ""
        for _ in range(3):
            assert isinstance(await endpoint.fetch(client), Granted)
        assert server.gets == [OAUTH]
        assert {request.target for request in server.posts} == {"/oauth2/v1/token?x=1"}
        assert endpoint.facts(client).token_endpoint == f"{server.origin}/oauth2/v1/token?x=1"
        [look] = endpoint.looks(client)
        assert look.status == 200


async def test_where_the_endpoint_is_written_nothing_is_discovered():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = with_grant(client_at(server.port), issuer=server.origin)
        assert isinstance(await endpoint.fetch(client), Granted)
        assert (server.gets, endpoint.looks(client)) == ([], ())


async def test_without_metadata_nothing_is_sent_and_the_failure_is_told():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = discovered(server.origin)
        asked = await endpoint.ask(client)
        assert (asked.attempts, server.posts) == ((), [])
        assert asked.outcome == Failed(
            FailureKind.INVALID, "the issuer publishes no metadata: it answered 404"
        )
        assert [look.status for look in endpoint.looks(client)] == [404, 404]


# ── where a client with a certificate asks ────────────────────────────────────────────────────────


async def test_only_who_shows_a_certificate_asks_at_the_alias(tmp_path):
    theirs, ours = pair_in(tmp_path / "theirs"), pair_in(tmp_path / "ours")
    async with authorization_server(asking_context(theirs, ours)) as mtls, token_endpoint() as endpoint:
        aliases = {"token_endpoint": f"{mtls.origin}/mtls/token"}
        mtls.publish(mtls_endpoint_aliases=aliases)
        client = client_of(mtls.port, theirs, ours)
        with_one = with_grant(client, token_endpoint=None, issuer=mtls.origin)
        assert isinstance(await endpoint.fetch(with_one), Granted)
        assert [request.target for request in mtls.posts] == ["/mtls/token"]
    async with authorization_server() as plain, token_endpoint() as endpoint:
        plain.publish(mtls_endpoint_aliases={"token_endpoint": f"{plain.origin}/mtls/token"})
        assert isinstance(await endpoint.fetch(discovered(plain.origin)), Granted)
        assert [request.target for request in plain.posts] == ["/token"]


# ── objections ────────────────────────────────────────────────────────────────────────────────────

NO_BASIC = "token_endpoint_auth_methods_supported does not list client_secret_basic: it has none"


@asynccontextmanager
async def moving_clock():
    """An endpoint on a clock that the test moves, an issuer, and a client of it."""
    async with authorization_server() as server:
        at = Stage(server)
        endpoint = TokenEndpoint(at.clock, at.events, Trust())
        try:
            yield at, endpoint, discovered(server.origin)
        finally:
            await endpoint.close()


async def test_what_does_not_fit_is_told_once_and_again_when_it_changes():
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        server.publish(token_endpoint_auth_methods_supported=["none"], cache="max-age=300")
        for _ in range(3):
            assert isinstance(await endpoint.fetch(client), Granted)
        assert at.events.objected == [(NO_BASIC,)]
        assert endpoint.facts(client).objections == (NO_BASIC,)
        server.publish()
        at.now_s += 300.0
        await endpoint.fetch(client)
        await renewed(at)
        await endpoint.fetch(client)
        assert at.events.objected == [(NO_BASIC,), ()]
        assert endpoint.facts(client).objections == ()


async def test_metadata_that_fits_from_the_start_is_not_told():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        server.publish()
        await endpoint.fetch(discovered(server.origin))
    assert events.objected == []


async def test_each_client_of_an_issuer_has_objections_of_its_own():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.publish(token_endpoint_auth_methods_supported=["client_secret_post"])
        basic = discovered(server.origin)
        post = with_grant(basic, client=ClientName("erp"), method=AuthMethod.CLIENT_SECRET_POST)
        for client in (basic, post):
            await endpoint.fetch(client)
        assert [bool(endpoint.facts(client).objections) for client in (basic, post)] == [True, False]
        assert server.gets == [OAUTH]


# ── an endpoint that moved ────────────────────────────────────────────────────────────────────────


MOVED = [
    http(404),
    http(405),
    http(410),
    http(301, Location="/"),
    http(503),
    b"",
    http(200, b"<html>"),
    http(403),
]


@pytest.mark.parametrize("gone", MOVED)
async def test_an_endpoint_that_no_longer_answers_as_one_is_looked_for_at_once(gone: bytes):
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        server.publish()
        assert isinstance(await endpoint.fetch(client), Granted)
        at.now_s += 100.0
        server.publish(token_endpoint=f"{server.origin}/moved")
        server.reply = lambda request: gone if request.target == "/token" else server.granted()
        assert isinstance(await endpoint.fetch(client), Failed)
        await renewed(at)
        assert len(server.gets) == 2, "before anybody asks again"
        assert isinstance(await endpoint.fetch(client), Granted)
        assert server.posts[-1].target == "/moved"


async def test_an_endpoint_that_refuses_connections_is_looked_for_at_once():
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        with closed() as port:
            server.publish(token_endpoint=f"http://127.0.0.1:{port}/token")
            assert isinstance(await endpoint.fetch(client), Failed)
            server.publish()
            at.now_s += 1.0
            assert isinstance(await endpoint.fetch(client), Granted)


async def test_the_next_request_waits_for_what_is_found():
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        server.publish()
        assert isinstance(await endpoint.fetch(client), Granted)
        server.publish(token_endpoint=f"{server.origin}/moved")
        server.reply = lambda request: http(404) if request.target == "/token" else server.granted()
        assert isinstance(await endpoint.fetch(client), Failed)
        assert len(server.gets) == 1, "asked a moment ago"
        at.now_s += 1.0
        assert isinstance(await endpoint.fetch(client), Granted)
        assert len(server.gets) == 2


async def test_a_server_that_is_down_for_long_is_asked_ever_more_seldom():
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        server.publish()
        assert isinstance(await endpoint.fetch(client), Granted)
        server.reply = lambda request: http(404)
        for _ in range(600):
            at.now_s += 1.0
            await endpoint.fetch(client)
            await renewed(at)
        assert len(server.gets) <= 1 + 6 + 600 / RENEW_INTERVAL_S


async def test_a_revocation_endpoint_that_is_gone_is_looked_for_too():
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        server.publish(revocation_endpoint=f"{server.origin}/revoke")
        assert isinstance(await endpoint.fetch(client), Granted)
        at.now_s += 100.0
        server.publish(revocation_endpoint=f"{server.origin}/moved")
        server.reply = lambda request: http(404 if request.target == "/revoke" else 200)
        assert await endpoint.revoke(client, Secret("t")) is not None
        await renewed(at)
        assert await endpoint.revoke(client, Secret("t")) is None


@pytest.mark.parametrize(
    "answer",
    [
        http_json(401, {"error": "invalid_client"}),
        http_json(400, {"error": "invalid_scope"}),
        http_json(503, {"error": "temporarily_unavailable"}),
        http(503, Retry_After="1"),
        http(429),
    ],
)
async def test_an_endpoint_that_answers_as_one_is_no_reason_to_look_anew(answer: bytes):
    async with moving_clock() as (at, endpoint, client):
        server = at.server
        server.publish()
        server.reply = lambda request: answer
        await endpoint.fetch(client)
        at.now_s += RENEW_INTERVAL_S
        await endpoint.fetch(client)
        await renewed(at)
        assert len(server.gets) == 1
