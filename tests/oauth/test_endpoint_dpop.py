"""Proofs at the token endpoint: RFC 9449 sections 4, 5 and 8, over real sockets."""

from dataclasses import replace
from itertools import count

import jwt
import pytest

from gateway.core.oauth.dpop_proof import token_hash
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName, ClientSettings
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from gateway.oauth.credentials import DPOP_KEY, UNREADABLE, unusable
from gateway.oauth.endpoint import MOST_NONCES
from tests.oauth.authorization_server import (
    FakeAuthorizationServer,
    Recorded,
    authorization_server,
    http_json,
)
from tests.oauth.fakes import WALL_S, Events, client_settings
from tests.oauth.keys import pem
from tests.oauth.test_endpoint import client_at, token_endpoint, unreadable, with_grant
from tests.oauth.test_endpoint_secrets import client_with, secret_of


def bound(client: ClientSettings, settings: DpopSettings | None = None) -> ClientSettings:
    return with_grant(client, dpop=settings or DpopSettings())


class Binder:
    """Gives DPoP tokens to whom proves a key, with a nonce where it wants one.

    A naive fake would take any proof: this one verifies signature, method, URL and freshness, and that it is
    new.
    """

    def __init__(self, server: FakeAuthorizationServer, *nonces: str) -> None:
        self._server = server
        self.nonces = list(nonces)
        self.good = "any"
        self.seen: set[str] = set()
        server.reply = self.reply

    def reply(self, request: Recorded) -> bytes:
        [proof] = request.values(b"dpop")
        header = jwt.get_unverified_header(proof)
        options = {"verify_iat": False}
        claims = jwt.decode(proof, jwt.PyJWK(header["jwk"]), [header["alg"]], options=options)
        assert (header["typ"], "d" in header["jwk"]) == ("dpop+jwt", False)
        assert (claims["htm"], claims["htu"]) == ("POST", f"{self._server.origin}/token")
        assert claims["iat"] == int(WALL_S)
        assert "ath" not in claims
        assert claims["jti"] not in self.seen
        self.seen.add(claims["jti"])
        if self.nonces and claims.get("nonce") != self.nonces[0]:
            return self.wanting(self.nonces[0])
        if self.good not in {"any", secret_of(request)}:
            return http_json(401, {"error": "invalid_client"}, **self.next())
        return self._server.granted("DPoP")

    def next(self) -> dict[str, str]:
        return {"DPoP_Nonce": self.nonces[0]} if self.nonces else {}

    def wanting(self, nonce: str, status: int = 400) -> bytes:
        return http_json(status, {"error": "use_dpop_nonce"}, DPoP_Nonce=nonce)

    def sent(self) -> list[str]:
        sent = [request.proof.get("nonce", "") for request in self._server.requests]
        self._server.requests.clear()
        return sent


async def test_every_request_proves_the_key_that_the_token_is_bound_to():
    async with authorization_server() as server, token_endpoint() as endpoint:
        binder, client = Binder(server), bound(client_at(server.port, path="/token?tenant=acme#x"))
        outcomes = [await endpoint.fetch(client) for _ in range(3)]
        keys = {
            jwt.get_unverified_header(request.values(b"dpop")[0])["jwk"]["x"] for request in server.requests
        }
    assert all(isinstance(outcome, Granted) and outcome.is_bound for outcome in outcomes)
    assert (len(keys), len(binder.seen)) == (1, 3)
    token = outcomes[-1].access_token
    proof = outcomes[-1].prover.proof("GET", "https://api.test/x")
    assert jwt.decode(proof, options={"verify_signature": False})["ath"] == token_hash(token.reveal())


async def test_each_client_has_a_key_of_its_own_and_all_its_grants_share_it():
    async with authorization_server() as server, token_endpoint() as endpoint:
        Binder(server)
        client = bound(client_at(server.port))
        for each in (client, with_grant(client, scope=("x",)), with_grant(client, client=ClientName("erp"))):
            assert isinstance(await endpoint.fetch(each), Granted)
        one, same, other = [
            jwt.get_unverified_header(r.values(b"dpop")[0])["jwk"]["x"] for r in server.requests
        ]
    assert one == same != other


# ── nonces ────────────────────────────────────────────────────────────────────────────────────────


async def test_the_nonce_that_is_asked_for_is_sent_with_the_same_question_and_remembered():
    async with authorization_server() as server, token_endpoint() as endpoint:
        binder, client = Binder(server, "n1"), bound(client_at(server.port))
        asked = await endpoint.ask(client)
        assert isinstance(asked.outcome, Granted)
        assert len(asked.attempts) == 2
        assert binder.sent() == ["", "n1"]
        assert isinstance(await endpoint.fetch(client), Granted)
        assert binder.sent() == ["n1"]


async def test_a_nonce_that_any_answer_brings_goes_into_the_next_proof():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = bound(client_at(server.port))
        server.reply = lambda request: http_json(400, {"error": "invalid_scope"}, DPoP_Nonce="n7")
        await endpoint.fetch(client)
        await endpoint.fetch(client)
        assert [request.proof.get("nonce") for request in server.requests] == [None, "n7"]


async def test_a_nonce_of_one_server_is_never_sent_to_another():
    async with authorization_server() as one, authorization_server() as other, token_endpoint() as endpoint:
        of_one, of_other = Binder(one, "n1"), Binder(other)
        await endpoint.fetch(bound(client_at(one.port)))
        await endpoint.fetch(bound(client_at(other.port)))
        assert (of_one.sent(), of_other.sent()) == (["", "n1"], [""])


async def test_nonces_of_servers_that_come_and_go_are_forgotten():
    """An issuer may name another endpoint each time that it is asked; here a proxy stands for all of them."""
    async with authorization_server() as proxy, token_endpoint() as endpoint:
        proxy.reply = lambda request: http_json(400, {"error": "invalid_scope"}, DPoP_Nonce="n1")
        for number in (0, *range(MOST_NONCES), 0, MOST_NONCES - 1):
            client = client_settings(f"http://as-{number}.test/token", proxy=proxy.origin)
            await endpoint.fetch(bound(client))
        nonces = [request.proof.get("nonce") for request in proxy.requests]
    assert nonces[:2] == [None, "n1"]
    assert nonces[2:-2] == [None] * (MOST_NONCES - 1)
    assert nonces[-2:] == ["n1", "n1"], "so many are kept"


async def test_the_oldest_nonce_is_the_first_to_go():
    async with authorization_server() as proxy, token_endpoint() as endpoint:
        proxy.reply = lambda request: http_json(400, {"error": "invalid_scope"}, DPoP_Nonce="n1")
        for number in (*range(MOST_NONCES + 1), 1, 0):
            client = client_settings(f"http://as-{number}.test/token", proxy=proxy.origin)
            await endpoint.fetch(bound(client))
        nonces = [request.proof.get("nonce") for request in proxy.requests]
    assert nonces[-2:] == ["n1", None]


async def test_a_server_that_wants_one_nonce_after_the_other_is_asked_twice_and_no_more():
    async with authorization_server() as server, token_endpoint() as endpoint:
        numbers = count(1)
        binder = Binder(server)
        server.reply = lambda request: binder.wanting(f"n{next(numbers)}")
        outcome = await endpoint.fetch(bound(client_with(server.port, "a", "b")))
        assert binder.sent() == ["", "n1"], "and no other secret is given away"
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.code) == (FailureKind.REFUSED, "use_dpop_nonce")
        await endpoint.fetch(bound(client_with(server.port, "a", "b")))
        assert binder.sent()[0] == "n2", "the newest is remembered"


async def test_a_nonce_and_then_the_second_secret_are_both_had_for_one_question():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        binder = Binder(server, "n1")
        binder.good = "new"
        asked = await endpoint.ask(bound(client_with(server.port, "old", "new")))
        assert isinstance(asked.outcome, Granted)
        assert [attempt.number for attempt in asked.attempts] == [0, 0, 1]
        assert binder.sent() == ["", "n1", "n1"]
    assert events.switched == [(2, 2)]


@pytest.mark.parametrize("nonce", ["", "a b", 'a"b', "x" * 1025])
async def test_a_nonce_that_cannot_be_sent_back_is_not(nonce: str):
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.reply = lambda request: http_json(400, {"error": "use_dpop_nonce"}, DPoP_Nonce=nonce)
        assert isinstance(await endpoint.fetch(bound(client_at(server.port))), Failed)
        assert len(server.requests) == 1


async def test_who_binds_nothing_sends_no_proof_and_repeats_nothing():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.reply = lambda request: http_json(400, {"error": "use_dpop_nonce"}, DPoP_Nonce="n1")
        assert isinstance(await endpoint.fetch(client_at(server.port)), Failed)
        [request] = server.requests
    assert request.values(b"dpop") == []


# ── what is given ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("allows_bearer", [True, False])
async def test_a_server_that_gives_a_bearer_token_instead_is_refused_unless_allowed(allows_bearer: bool):
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = bound(client_at(server.port), DpopSettings(allows_bearer=allows_bearer))
        outcome = await endpoint.fetch(client)
    if allows_bearer:
        assert isinstance(outcome, Granted)
        assert (outcome.is_bound, outcome.prover) == (False, None)
    else:
        assert outcome == Failed(
            FailureKind.INVALID,
            "the authorization server issued a Bearer token, although one bound to our key was requested",
        )


async def test_a_bound_token_that_nobody_asked_for_is_refused():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.reply = lambda request: server.granted("DPoP")
        outcome = await endpoint.fetch(client_at(server.port))
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.INVALID


# ── the key ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_configured_key_is_read_for_each_request():
    keys = iter([pem("p256"), pem("ed25519")])
    async with authorization_server() as server, token_endpoint() as endpoint:
        Binder(server)
        client = replace(bound(client_at(server.port)), dpop_key=lambda: Secret(next(keys)))
        for _ in range(2):
            assert isinstance(await endpoint.fetch(client), Granted)
        algorithms = [jwt.get_unverified_header(r.values(b"dpop")[0])["alg"] for r in server.requests]
    assert algorithms == ["ES256", "EdDSA"]


@pytest.mark.parametrize(
    ("reader", "algorithm", "reason"),
    [
        (unreadable, None, UNREADABLE),
        (
            lambda: Secret("hunter2"),
            None,
            "the client cannot prove possession of its key: the private key is neither PEM nor a JWK",
        ),
        (
            lambda: Secret(pem("p256")),
            SigningAlgorithm.ES384,
            "the client cannot prove possession of its key: ES384 does not fit the key, which is for ES256",
        ),
        (
            None,
            SigningAlgorithm.HS256,
            "the client cannot prove possession of its key: HS256 signs with a shared secret, which is no proof of a key",
        ),
    ],
)
async def test_a_key_that_proves_nothing_is_an_outage_that_sends_nothing(reader, algorithm, reason: str):
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = replace(bound(client_at(server.port), DpopSettings(algorithm)), dpop_key=reader)
        outcome = await endpoint.fetch(client)
    assert outcome == unusable(DPOP_KEY, reason)
    assert server.requests == []


async def test_proofs_are_shown_by_nothing():
    async with authorization_server() as server, token_endpoint() as endpoint:
        Binder(server, "n1")
        asked = await endpoint.ask(bound(client_at(server.port)))
        proofs = [request.values(b"dpop")[0].decode() for request in server.requests]
    assert len(proofs) == 2
    assert not any(proof.rpartition(".")[2] in repr((asked, endpoint, vars(endpoint))) for proof in proofs)
