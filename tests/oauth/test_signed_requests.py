"""Token requests with assertions, over real sockets, against a server that verifies them."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

import jwt
import pytest

from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, GrantType
from gateway.core.settings.signing_settings import AssertionSettings
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from gateway.observe.token_log import TokenLog
from tests.oauth.authorization_server import FakeAuthorizationServer, authorization_server, http_json
from tests.oauth.fakes import KEY, WALL_S, client_settings, let_live, loop_clock, new_endpoint
from tests.oauth.keys import key, pem

LONG_SECRET = "hunter2-" * 8


@dataclass
class Verifier:
    """Grants a token to whom RFC 7523 section 3 would; a naive fake would believe any assertion.

    It verifies signature, issuer, subject and audience, that the assertion lives now and not for long, and
    that its `jti` was never seen.
    """

    server: FakeAuthorizationServer
    public_key: object
    algorithm: str
    seen: set[str] = field(default_factory=set)
    assertions: list[str] = field(default_factory=list)

    def answer(self) -> bytes:
        form = dict(parse_qsl(self.server.requests[-1].body.decode(), strict_parsing=True))
        self.assertions.append(form["client_assertion"])
        try:
            assert form["client_assertion_type"] == JWT_BEARER
            assert form["client_id"] == "mobile_android"
            assert self.server.requests[-1].values(b"authorization") == []
            self._verify(form["client_assertion"])
        except (AssertionError, jwt.PyJWTError):
            echo = {"error": "invalid_client", "error_description": f"bad: {form['client_assertion']}"}
            return http_json(401, echo)
        return self.server.granted()

    def _verify(self, assertion: str) -> None:
        url = f"http://127.0.0.1:{self.server.port}/token"
        options = {
            "verify_exp": False,
            "verify_iat": False,
            "require": ["iss", "sub", "aud", "exp", "iat", "jti"],
        }
        claims = jwt.decode(assertion, self.public_key, [self.algorithm], audience=url, options=options)
        assert claims["iss"] == claims["sub"] == "mobile_android"
        assert WALL_S < claims["exp"] <= WALL_S + 60
        assert claims["jti"] not in self.seen
        self.seen.add(claims["jti"])


@asynccontextmanager
async def verifier(public_key: object, algorithm: str):
    async with authorization_server() as server:
        verifier = Verifier(server, public_key, algorithm)
        server.answer = verifier.answer
        yield verifier


def client_of(
    server: FakeAuthorizationServer, method: AuthMethod, credential: str, **members: object
) -> ClientSettings:
    url = f"http://127.0.0.1:{server.port}/token"
    client = client_settings(url, credentials=(lambda: Secret(credential),))
    members = {"assertion": AssertionSettings(url), "assertion_type": JWT_BEARER} | members
    return replace(client, grant=replace(client.grant, method=method, **members))


async def fetched(*clients: ClientSettings) -> list[Granted | Failed]:
    endpoint = new_endpoint()
    try:
        return [await endpoint.fetch(client) for client in clients]
    finally:
        await endpoint.close()


async def test_every_attempt_has_an_assertion_of_its_own():
    async with verifier(key("p256").public_key(), "ES256") as checked:
        client = client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, pem("p256"))
        outcomes = await fetched(client, client, client)
    assert all(isinstance(outcome, Granted) for outcome in outcomes)
    assert len(checked.seen) == 3


async def test_a_secret_that_signs_is_never_sent():
    async with verifier(LONG_SECRET, "HS256") as checked:
        [outcome] = await fetched(client_of(checked.server, AuthMethod.CLIENT_SECRET_JWT, LONG_SECRET))
    assert isinstance(outcome, Granted)
    assert b"hunter2" not in checked.server.requests[0].body + checked.server.requests[0].head


async def test_the_wrong_key_is_refused():
    async with verifier(key("p256").public_key(), "ES384") as checked:
        [outcome] = await fetched(client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, pem("p384")))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.code) == (FailureKind.REFUSED, "invalid_client")


async def test_a_key_that_cannot_sign_is_an_outage_that_sends_nothing():
    async with verifier(None, "RS256") as checked:
        client = client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, "hunter2")
        [outcome] = await fetched(client)
    assert checked.server.requests == []
    assert outcome == Failed(
        FailureKind.UNSENT,
        "private_key: the client cannot sign its assertion: the private key is neither PEM nor a JWK",
    )


async def test_a_key_that_was_replaced_signs_the_next_request():
    texts = iter([pem("p384"), pem("p256")])
    async with verifier(key("p256").public_key(), "ES256") as checked:
        client = client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, "")
        client = replace(client, credentials=(lambda: Secret(next(texts)),))
        first, second = await fetched(client, client)
    assert isinstance(first, Failed)
    assert isinstance(second, Granted)


async def test_an_assertion_of_somebody_else_goes_out_as_it_is_each_time():
    texts = iter(["header.one.sig", "header.two.sig"])
    async with authorization_server() as server:
        client = client_of(
            server, AuthMethod.CLIENT_ASSERTION, "", assertion=None, assertion_type="urn:example:spiffe"
        )
        client = replace(client, credentials=(lambda: Secret(next(texts)),))
        await fetched(client, client)
    forms = [dict(parse_qsl(request.body.decode())) for request in server.requests]
    assert [form["client_assertion"] for form in forms] == ["header.one.sig", "header.two.sig"]
    assert {form["client_assertion_type"] for form in forms} == {"urn:example:spiffe"}


@pytest.mark.parametrize("verifies_with", ["p256", "p384"])
async def test_gateway_token_shows_the_method_and_masks_the_assertion(verifies_with: str):
    algorithm = "ES256" if verifies_with == "p256" else "ES384"
    async with verifier(key(verifies_with).public_key(), algorithm) as checked:
        client = client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, pem("p256"))
        report = await examine(client, loop_clock(), KEY)
    assert report.has_token == (verifies_with == "p256")
    [assertion] = checked.assertions
    told = render_text(report)
    assert "(private_key_jwt)" in told
    assert "> client_assertion: ••••" in told
    assert f"> client_assertion_type: {JWT_BEARER}" in told
    assert report.has_token or "that the server knows the public key" in told
    for shown in (told, render_json(report), repr(report), repr(client)):
        assert pem("p256")[40:80] not in shown
        assert assertion.rpartition(".")[2] not in shown


async def test_gateway_token_tells_of_a_key_that_cannot_sign():
    async with verifier(None, "RS256") as checked:
        report = await examine(
            client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, "hunter2"), loop_clock(), KEY
        )
    assert report.problem.endswith("the private key is neither PEM nor a JWK")
    assert "hunter2" not in render_text(report)


@pytest.mark.parametrize("credential", [pem("p256"), "hunter2-" * 8])
async def test_no_log_line_and_no_error_holds_key_or_assertion(credential: str, caplog):
    """Both where the server refuses the assertion and where none can be signed."""
    caplog.set_level("DEBUG")
    async with verifier(key("p384").public_key(), "ES384") as checked:
        client = client_of(checked.server, AuthMethod.PRIVATE_KEY_JWT, credential)
        endpoint = new_endpoint()
        around = Surroundings(loop_clock(), TokenLog(), KEY)
        source = GrantSource(GrantMaker(endpoint, client), around, let_live)
        with pytest.raises(AuthorizationServerError) as caught:
            await source.token(loop_clock().now_s() + 10.0)
        state = source.state()
        await source.close()
        await endpoint.close()
    told = f"{caplog.text}{caught.value!r}{caught.value.detail}{state!r}{source!r}"
    for hidden in (*checked.assertions, *credential.split()[3:-3], "hunter2"):
        assert hidden not in told
    assert "crm" in caplog.text


async def test_an_assertion_that_is_the_grant_speaks_for_somebody_and_is_masked():
    """RFC 7523 section 2.1: it stands in `assertion`, and no client authentication beside it."""
    async with authorization_server() as server:
        url = f"http://127.0.0.1:{server.port}/token"
        made = AssertionSettings(url, subject="somebody", claims=(("scope", "x"),))
        members = {"assertion": made, "assertion_type": "", "grant_type": GrantType.JWT_BEARER}
        client = client_of(server, AuthMethod.NONE, pem("ed25519"), **members)
        report = await examine(client, loop_clock(), KEY)
    form = dict(parse_qsl(server.requests[0].body.decode(), strict_parsing=True))
    assert set(form) == {"grant_type", "assertion", "scope"}
    options = {"verify_exp": False, "verify_iat": False}
    public = key("ed25519").public_key()
    claims = jwt.decode(form["assertion"], public, ["EdDSA"], audience=url, options=options)
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("mobile_android", "somebody", "x")
    assert report.has_token
    assert "> assertion: ••••" in render_text(report)
    assert form["assertion"] not in render_text(report) + render_json(report) + repr(report)
