"""The token endpoint over real sockets: what is asked, and what is understood."""

import asyncio
import gzip
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings
from tests.oauth.authorization_server import HANG, authorization_server, http, http_json
from tests.oauth.fakes import CLIENT_SECRET, client_settings, new_endpoint

TOKEN = b'{"access_token":"access_token_1","token_type":"Bearer"}'


@asynccontextmanager
async def token_endpoint(events=None, **members: object):
    endpoint = new_endpoint(events, **members)
    try:
        yield endpoint
    finally:
        await endpoint.close()


def client_at(port: int, *, path: str = "/token", scheme: str = "http", **members: object) -> ClientSettings:
    return client_settings(f"{scheme}://127.0.0.1:{port}{path}", **members)


def with_grant(client: ClientSettings, /, **members: object) -> ClientSettings:
    return replace(client, grant=replace(client.grant, **members))


async def fetch_answered(answer: bytes, **members: object) -> Granted | Failed:
    """What comes of one token request that is answered with `answer`."""
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: answer
        outcome = await endpoint.fetch(client_at(server.port, **members))
        assert len(server.requests) <= 1  # none, where a short timeout was over before it was read
        return outcome


def kind_of(outcome: Granted | Failed) -> FailureKind:
    assert isinstance(outcome, Failed)
    return outcome.kind


# ── what goes out ─────────────────────────────────────────────────────────────────────────────────


async def test_one_post_with_one_set_of_credentials_goes_out():
    async with authorization_server() as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_at(server.port))
    assert isinstance(outcome, Granted)
    assert outcome.access_token.reveal() == "access_token_1"
    [request] = server.requests
    assert request.lines[0] == b"POST /token HTTP/1.1"
    assert request.body == b"grant_type=client_credentials&scope=a%20b"
    assert len(request.values(b"authorization")) == 1
    assert request.values(b"content-type") == [b"application/x-www-form-urlencoded"]
    assert request.values(b"accept") == [b"application/json"]
    assert request.values(b"accept-encoding") == [b"identity"]
    assert request.values(b"user-agent")[0].startswith(b"gateway/")
    assert request.values(b"cookie") == []


async def test_with_client_secret_post_no_authorization_goes_out():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = client_at(server.port)
        by_post = replace(client, grant=replace(client.grant, method=AuthMethod.CLIENT_SECRET_POST))
        assert isinstance(await endpoint.fetch(by_post), Granted)
    assert server.requests[0].values(b"authorization") == []
    assert b"client_secret=" + CLIENT_SECRET.encode() in server.requests[0].body


async def test_the_secret_is_read_at_each_request():
    secrets = iter([Secret("first"), Secret("second")])
    async with authorization_server() as server, token_endpoint() as endpoint:
        for _ in range(2):
            await endpoint.fetch(client_at(server.port, credentials=(lambda: next(secrets),)))
    sent = [request.values(b"authorization")[0] for request in server.requests]
    assert sent[0] != sent[1]


async def test_the_owners_fields_go_out_with_each_request():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = with_grant(client_at(server.port), headers=(("X-Tenant", "acme"), ("accept", "*/*")))
        assert isinstance(await endpoint.fetch(client), Granted)
    [request] = server.requests
    assert request.values(b"x-tenant") == [b"acme"]
    assert request.values(b"accept") == [b"*/*"]
    assert len(request.values(b"authorization")) == 1


async def test_what_was_sent_and_answered_is_told_to_who_asks_for_it():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.gate.clear()
        asking = asyncio.create_task(endpoint.ask(client_at(server.port)))
        await server.asked.wait()
        asyncio.get_running_loop().call_later(0.01, server.gate.set)
        asked = await asking
    [attempt] = asked.attempts
    assert asked.outcome is attempt.outcome
    assert (attempt.url, attempt.number, attempt.dpop_proof) == (f"{server.origin}/token", 0, None)
    assert attempt.proof == Secret(CLIENT_SECRET)
    assert attempt.took_s > 0.0
    assert CLIENT_SECRET not in repr(asked)


def unreadable() -> Secret:
    raise FileNotFoundError("/run/secrets/crm")


@pytest.mark.parametrize("reader", [unreadable, lambda: Secret("\udcff")])
async def test_a_secret_that_cannot_be_read_is_a_failure_and_nothing_is_sent(reader):
    async with authorization_server() as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_at(server.port, credentials=(reader,)))
    assert kind_of(outcome) is FailureKind.UNSENT
    assert server.requests == []


async def test_a_secret_that_is_readable_again_is_taken():
    readings = iter([FileNotFoundError(), Secret("good")])

    def read() -> Secret:
        reading = next(readings)
        if isinstance(reading, Exception):
            raise reading
        return reading

    async with authorization_server() as server, token_endpoint() as endpoint:
        client = client_at(server.port, credentials=(read,))
        assert isinstance(await endpoint.fetch(client), Failed)
        assert isinstance(await endpoint.fetch(client), Granted)


async def test_a_token_that_was_compressed_unasked_is_had():
    outcome = await fetch_answered(http(200, gzip.compress(TOKEN), Content_Encoding="gzip"))
    assert isinstance(outcome, Granted)
    assert outcome.access_token.reveal() == "access_token_1"


# ── what comes back ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http_json(401, {"error": "invalid_client"}), FailureKind.REFUSED),
        (http(503, Retry_After="7"), FailureKind.UNREACHABLE),
        (http(200, b"<html>"), FailureKind.INVALID),
        (http(200, gzip.compress(TOKEN), Content_Encoding="br"), FailureKind.INVALID),
        (http(200, gzip.compress(TOKEN)[:-9], Content_Encoding="gzip"), FailureKind.INVALID),
        (http(302, Location="http://127.0.0.1:1/token"), FailureKind.INVALID),
        (b"", FailureKind.UNREACHABLE),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", FailureKind.INVALID),
    ],
)
async def test_whatever_comes_back_is_a_value(answer: bytes, kind: FailureKind):
    assert kind_of(await fetch_answered(answer)) is kind


async def test_the_rest_that_the_server_asks_for_is_passed_on():
    outcome = await fetch_answered(http(503, Retry_After="7"))
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s == 7.0


async def test_an_endpoint_that_hangs_is_given_up():
    assert kind_of(await fetch_answered(HANG, timeout_s=0.05)) is FailureKind.SLOW


@pytest.mark.parametrize("url", ["http://[/token", "http://:0/token", "nonsense", ""])
async def test_an_endpoint_that_is_no_url_is_a_failure(url: str):
    async with token_endpoint() as endpoint:
        assert isinstance(await endpoint.fetch(client_settings(url)), Failed)


async def test_cancellation_ends_the_request():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: HANG
        asking = asyncio.create_task(endpoint.fetch(client_at(server.port)))
        await server.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
