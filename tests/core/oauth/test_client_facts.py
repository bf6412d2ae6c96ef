"""Whether an answer blames the very secret, so that the next one is worth a try."""

import json

import pytest

from gateway.core.oauth.client_facts import blames_secret
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_answer import REGISTERED_CODES, read_token_answer
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret


def blamed(status: int, document: object = None) -> bool:
    """As it comes to pass: by an answer that was read."""
    body = b"" if document is None else json.dumps(document).encode()
    return blames_secret(status, read_token_answer(ServerAnswer(status, {}, body), (), 0.0))


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (401, {"error": "invalid_client"}),
        (400, {"error": "invalid_client"}),
        (403, {"error": "invalid_client"}),
        (200, {"error": "invalid_client"}),
        (401, {"error": "unauthorized_client"}),
        (401, {"error": "access_denied"}),
        (401, {"error": "E-4711"}),
        (401, None),
        (400, None),
        (403, None),
        (403, {"message": "no"}),
    ],
)
def test_a_refusal_of_the_client_blames_its_secret(status: int, document: object):
    assert blamed(status, document)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (400, {"error": "invalid_scope"}),
        (400, {"error": "unauthorized_client"}),
        (403, {"error": "access_denied"}),
        (400, {"error": "invalid_grant"}),
        (400, {"error": "invalid_dpop_proof"}),
        (400, {"error": "use_dpop_nonce"}),
        (401, {"error": "invalid_dpop_proof"}),
        (401, {"error": "use_dpop_nonce"}),
        (500, {"error": "invalid_client"}),
        (503, None),
        (429, {"error": "invalid_client"}),
        (408, None),
        (401, {"error": "server_error"}),
        (404, None),
        (302, None),
        (200, {"access_token": "t", "token_type": "Bearer"}),
        (200, {"access_token": "t"}),
        (200, None),
    ],
)
def test_no_other_answer_does(status: int, document: object):
    assert not blamed(status, document)


def test_no_other_code_blames_it_under_400():
    assert [code for code in sorted(REGISTERED_CODES) if blamed(400, {"error": code})] == ["invalid_client"]


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.REFUSED])
def test_only_a_refusal_can(kind: FailureKind):
    assert not blames_secret(401, Failed(kind, "it failed", "invalid_client"))


def test_a_token_does_not():
    assert not blames_secret(401, Granted(Secret("t"), None, ()))
