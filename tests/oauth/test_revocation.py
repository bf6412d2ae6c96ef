"""Revoking one token at the authorization server: RFC 7009, over real sockets."""

from dataclasses import replace

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings
from gateway.oauth.credentials import UNFIT, UNREADABLE, unusable
from tests.oauth.authorization_server import HANG, OPENID, FakeAuthorizationServer, authorization_server, http
from tests.oauth.fakes import CLIENT_SECRET
from tests.oauth.test_discovery import discovered
from tests.oauth.test_endpoint import client_at, token_endpoint, unreadable, with_grant
from tests.oauth.test_endpoint_secrets import Keeper, client_with, secret_of

TOKEN = Secret("access_token_1")
NOWHERE = Failed(FailureKind.INVALID, "the issuer names no revocation_endpoint")


def revoking(server: FakeAuthorizationServer, **members: object) -> ClientSettings:
    known = {"revokes": True, "revocation_endpoint": f"{server.origin}/revoke?x=1"}
    return client_at(server.port, **(known | members))


async def test_a_token_is_revoked_where_the_owner_says_with_the_clients_proof():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: http(200)
        assert await endpoint.revoke(revoking(server), TOKEN) is None
        [request] = server.requests
    assert request.lines[0] == b"POST /revoke?x=1 HTTP/1.1"
    assert request.form == {"token": "access_token_1", "token_type_hint": "access_token"}
    assert secret_of(request) == CLIENT_SECRET


async def test_or_where_the_issuer_says():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.publish(OPENID, revocation_endpoint=f"{server.origin}/revoke")
        server.answer = lambda: http(200)
        assert await endpoint.revoke(discovered(server.origin), TOKEN) is None
        assert [request.target for request in server.posts] == ["/revoke"]


async def test_where_nobody_says_where_no_token_is_said_to_be_revoked():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.publish()
        assert await endpoint.revoke(discovered(server.origin), TOKEN) == NOWHERE
        assert server.posts == []


async def test_without_metadata_it_is_a_failure():
    async with authorization_server() as server, token_endpoint() as endpoint:
        failed = await endpoint.revoke(discovered(server.origin), TOKEN)
    assert failed == Failed(FailureKind.INVALID, "the issuer publishes no metadata: it answered 404")


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (http(400), FailureKind.REFUSED, "the authorization server answered 400"),
        (http(503), FailureKind.REFUSED, "the authorization server answered 503"),
        (http(302, Location="/x"), FailureKind.REFUSED, "the authorization server answered 302"),
        (b"", FailureKind.UNREACHABLE, "the authorization server closed the connection"),
        (HANG, FailureKind.SLOW, "the authorization server did not answer in time"),
    ],
)
async def test_any_answer_but_200_is_a_failure(answer: bytes, kind: FailureKind, reason: str):
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: answer
        timeout_s = 0.1 if answer is HANG else 10.0
        assert await endpoint.revoke(revoking(server, timeout_s=timeout_s), TOKEN) == Failed(kind, reason)


async def test_the_secret_that_worked_last_proves_who_revokes():
    async with authorization_server() as server, token_endpoint() as endpoint:
        Keeper(server, "new")
        client = client_with(server.port, "old", "new")
        await endpoint.fetch(client)
        client = replace(client, revocation_endpoint=f"{server.origin}/revoke")
        assert await endpoint.revoke(client, TOKEN) is None
        assert secret_of(server.requests[-1]) == "new"


@pytest.mark.parametrize(
    ("reader", "complaint"), [(unreadable, UNREADABLE), (lambda: Secret("\udcff"), UNFIT)]
)
async def test_a_secret_that_cannot_be_used_is_a_failure_and_nothing_is_sent(reader, complaint):
    async with authorization_server() as server, token_endpoint() as endpoint:
        failed = await endpoint.revoke(revoking(server, credentials=(reader,)), TOKEN)
    assert failed == unusable("client_secret", complaint)
    assert server.requests == []


async def test_no_failure_shows_the_token_or_the_secret():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.reply = lambda request: http(400, request.body)
        client = with_grant(revoking(server), method=AuthMethod.CLIENT_SECRET_POST)
        failed = await endpoint.revoke(client, TOKEN)
    assert CLIENT_SECRET.encode() in server.requests[0].body
    assert "access_token" not in repr(failed)
    assert CLIENT_SECRET not in repr(failed)
