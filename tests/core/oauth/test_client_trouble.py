"""Why a client has no token: for every failure a cause, and a key that can be found in the file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.cause import Cause
from gateway.core.oauth.client_trouble import cause_of, credential_key, key_of
from gateway.core.oauth.token_answer import REGISTERED_CODES, TRANSIENT_CODES
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientName, ClientSettings, Grant
from gateway.core.settings.shape_settings import AnswerShape
from gateway.core.settings.signing_settings import AssertionSettings


def client(**grant: object) -> ClientSettings:
    known = Grant(ClientName("crm"), "https://login.test/token", "id", AuthMethod.CLIENT_SECRET_BASIC)
    return ClientSettings(replace(known, **grant), (lambda: Secret("s"),))


def refused(code: str = "", status: int = 400) -> Failed:
    return Failed(FailureKind.REFUSED, "it refused", code, status=status)


@pytest.mark.parametrize(
    ("failed", "cause", "key"),
    [
        (refused("invalid_client", 401), Cause.CREDENTIALS_REFUSED, "client_secret"),
        (refused("unauthorized_client", 401), Cause.CREDENTIALS_REFUSED, "client_secret"),
        (refused("unauthorized_client"), Cause.CLIENT_NOT_ALLOWED, "client_id"),
        (refused("access_denied", 403), Cause.CLIENT_NOT_ALLOWED, "client_id"),
        (refused(), Cause.CREDENTIALS_REFUSED, "client_secret"),
        (refused("invalid_grant"), Cause.CREDENTIALS_REFUSED, "client_secret"),
        (refused("invalid_scope"), Cause.SCOPE_REFUSED, "scope"),
        (refused("invalid_target"), Cause.RESOURCE_REFUSED, "audience"),
        (refused("invalid_request"), Cause.REQUEST_REFUSED, "grant_type"),
        (refused("unsupported_grant_type"), Cause.REQUEST_REFUSED, "grant_type"),
        (refused("use_dpop_nonce", 401), Cause.PROOF_REFUSED, "dpop_bound_access_tokens"),
        (Failed(FailureKind.INVALID, "nonsense"), Cause.ANSWER_UNUSABLE, "token_endpoint"),
        (Failed(FailureKind.SLOW, "late"), Cause.ANSWER_TIMEOUT, "timeout"),
        (Failed(FailureKind.UNREACHABLE, "503", status=503), Cause.SERVER_FAILED, "token_endpoint"),
        (Failed(FailureKind.UNSENT, "x", key="tls.ca"), Cause.FILE_UNUSABLE, "tls.ca"),
        (
            Failed(FailureKind.UNREACHABLE, "x", cause=Cause.PROXY_FAILED),
            Cause.PROXY_FAILED,
            "proxy",
        ),
        (
            Failed(FailureKind.UNREACHABLE, "x", cause=Cause.CONNECT_TIMEOUT),
            Cause.CONNECT_TIMEOUT,
            "timeouts.connect",
        ),
    ],
)
def test_each_failure_has_its_cause_and_its_key(failed: Failed, cause: Cause, key: str):
    assert (cause_of(failed), key_of(failed, client())) == (cause, f"clients.crm.{key}")


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("code", sorted({*REGISTERED_CODES, ""} - TRANSIENT_CODES))
def test_every_code_that_may_be_answered_has_a_cause(code: str, status: int):
    assert key_of(refused(code, status), client()).startswith("clients.crm.")


def test_what_was_seen_on_the_way_counts_more_than_the_kind():
    failed = Failed(FailureKind.UNREACHABLE, "x", cause=Cause.UNKNOWN_AUTHORITY)
    assert cause_of(failed) is Cause.UNKNOWN_AUTHORITY


@pytest.mark.parametrize(
    ("failed", "members", "key"),
    [
        (Failed(FailureKind.INVALID, "x", status=200), {"answer": AnswerShape()}, "answer"),
        (Failed(FailureKind.INVALID, "x", status=404), {"answer": AnswerShape()}, "token_endpoint"),
        (Failed(FailureKind.INVALID, "x", status=200), {}, "token_endpoint"),
        (refused("invalid_grant", 400), {"grant_type": "password"}, "parameters"),
        (refused("invalid_client", 401), {"grant_type": "password"}, "client_secret"),
        (refused("", 401), {"grant_type": "password", "method": AuthMethod.NONE}, "parameters"),
    ],
)
def test_a_shape_and_another_grant_have_keys_of_their_own(
    failed: Failed, members: dict[str, object], key: str
):
    assert key_of(failed, client(**members)) == f"clients.crm.{key}"


def test_without_a_token_endpoint_the_issuer_leads_to_the_server():
    failed = Failed(FailureKind.UNREACHABLE, "503", status=503)
    found = client(token_endpoint=None, issuer="https://login.test")
    assert key_of(failed, found) == "clients.crm.issuer"


def test_a_refused_target_is_looked_for_where_one_is_written():
    assert key_of(refused("invalid_target"), client(resource=("https://api.test",))) == "clients.crm.resource"


@pytest.mark.parametrize(
    ("method", "assertion", "key"),
    [
        (AuthMethod.CLIENT_SECRET_BASIC, None, "client_secret"),
        (AuthMethod.CLIENT_SECRET_POST, None, "client_secret"),
        (AuthMethod.CLIENT_SECRET_JWT, AssertionSettings(None), "client_secret"),
        (AuthMethod.PRIVATE_KEY_JWT, AssertionSettings(None), "private_key"),
        (AuthMethod.CLIENT_ASSERTION, None, "client_assertion"),
        (AuthMethod.TLS_CLIENT_AUTH, None, "tls.certificate"),
        (AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, None, "tls.certificate"),
        (AuthMethod.NONE, None, "client_id"),
        (AuthMethod.NONE, AssertionSettings(None), "private_key"),
    ],
)
def test_each_method_has_a_credential(method: AuthMethod, assertion: AssertionSettings | None, key: str):
    assert credential_key(client(method=method, assertion=assertion)) == key
