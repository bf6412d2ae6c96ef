"""Whatever may be secret of a token request and its response is on the list of what is hidden."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace

import pytest

from gateway.core.oauth.diagnosis.hidden_texts import hidden_texts
from gateway.core.oauth.server_answer import FORM, ServerAnswer
from gateway.core.oauth.token_answer import read_token_answer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings
from gateway.core.settings.signing_settings import AssertionSettings, JsonClaim
from tests.core.samples import GRANT

URL = "https://login.test/token"


def hidden(grant=GRANT, *, url=URL, proxy=None, document=None, form=None):
    fields = {"content-type": FORM} if form else {}
    answer = ServerAnswer(200, fields, form or json.dumps(document or {}).encode())
    outcome = read_token_answer(answer, (), 0.0, None)
    attempt = TokenAttempt(url, 0, Secret("the-proof"), Secret("the-dpop-proof"), answer, outcome, 0.1)
    client = ClientSettings(grant, ())
    client = replace(client, reach=replace(client.reach, proxy=proxy))
    return {one.reveal() for one in hidden_texts(client, Asked((attempt,), outcome))}


def test_proofs_are_hidden_and_basic_credentials_as_the_header_has_them():
    basic = b64encode(f"{GRANT.client_id}:the-proof".encode()).decode()
    assert hidden(replace(GRANT, method=AuthMethod.CLIENT_SECRET_BASIC)) == {
        "the-proof",
        "the-dpop-proof",
        basic,
    }
    assert hidden(replace(GRANT, method=AuthMethod.CLIENT_SECRET_POST)) == {"the-proof", "the-dpop-proof"}


def test_the_tokens_of_a_response_are_hidden_and_nothing_else_of_it():
    found = hidden(document={"access_token": "the-token", "refresh_token": "another", "scope": "read-only"})
    assert {"the-token", "another"} <= found
    assert "read-only" not in found
    assert {"the-token", "another"} <= hidden(form=b"access_token=the-token&refresh_token=another")


@pytest.mark.parametrize("url", [f"{URL}?key=query-key", f"{URL}?a=b&key=query-key"])
def test_values_in_the_query_are_hidden(url):
    assert "query-key" in hidden(url=url)


def test_a_query_of_short_values_is_hidden_as_a_whole():
    assert "k=1&secret=2" in hidden(url=f"{URL}?k=1&secret=2")


def test_what_the_owner_adds_is_hidden_unless_it_is_short():
    claims = (("a", "plain-claim"), ("b", JsonClaim('["nested-claim"]')))
    added = {"headers": (("X", "header-value"),), "parameters": (("p", "parameter"), ("q", "short"))}
    found = hidden(replace(GRANT, assertion=AssertionSettings(None, claims=claims), **added))
    assert {"header-value", "parameter", "plain-claim", "nested-claim"} <= found
    assert "short" not in found


def test_the_password_of_a_proxy_is_hidden_as_written_and_as_sent():
    found = hidden(proxy="http://me:p%40ss@proxy.test:3128")
    assert {"p%40ss", "p@ss", "me:p@ss", b64encode(b"me:p@ss").decode()} <= found
