import logging

import pytest

from gateway.core.cause import Cause
from gateway.core.errors import TokenUnavailable
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    Reason,
    ScopeReduced,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientName
from gateway.observe.token_log import TokenLog

from .samples import token

CRM = ClientName("crm")
FAILED = Failed(FailureKind.UNREACHABLE, "it failed")


def told(caplog):
    return [(record.levelname, record.getMessage(), record.__dict__["fields"]) for record in caplog.records]


@pytest.fixture(autouse=True)
def everything(caplog):
    with caplog.at_level(logging.DEBUG, "gateway.token"):
        yield


@pytest.mark.parametrize("reason", list(Reason))
def test_a_token_request_is_told_at_debug_with_its_reason(caplog, reason):
    TokenLog().told(TokenRequested(CRM, reason))

    ((level, message, fields),) = told(caplog)

    assert ("DEBUG", {"client": "crm", "reason": reason.value}) == (level, fields)
    assert message.startswith("client crm: requesting a token, because ")


def test_a_token_is_told_at_info(caplog):
    TokenLog().told(TokenObtained(CRM, token(1), 300.0, 0.0421))

    assert told(caplog) == [
        (
            "INFO",
            "client crm: token 00000001 obtained, valid for 300 s",
            {"client": "crm", "token": "00000001", "lifetime_s": 300.0, "took_ms": 42.1},
        )
    ]


@pytest.mark.parametrize(
    ("detail", "told_as"),
    [
        ("client crm: it answered 503", "client crm: it answered 503"),
        ("", "client crm: The authorization server cannot be reached"),
    ],
)
def test_a_failure_is_told_at_warning(caplog, detail, told_as):
    TokenLog().told(
        TokenFailed(CRM, TokenUnavailable(detail, cause=Cause.SERVER_FAILED, key="clients.crm.issuer"), 4.2)
    )

    assert told(caplog) == [
        (
            "WARNING",
            (
                f"no token: {told_as} (token_unavailable, see clients.crm.issuer); "
                "next attempt in 4 s at the earliest"
            ),
            {
                "client": "crm",
                "error": "token_unavailable",
                "side": "authorization server",
                "cause": "server_failed",
                "key": "clients.crm.issuer",
                "retry_in_s": 4.2,
            },
        )
    ]


def test_a_rejected_token_is_told_at_warning(caplog):
    TokenLog().told(TokenRejected(CRM, token(2)))

    assert told(caplog) == [
        (
            "WARNING",
            "client crm: an upstream refused token 00000002; it stays in use until its successor arrives",
            {"client": "crm", "token": "00000002"},
        )
    ]


def test_another_secret_that_is_accepted_is_told_at_warning(caplog):
    TokenLog().told(CredentialSwitched(CRM, SecretName(2, 3, "file:/run/crm", 1e9)))

    assert told(caplog) == [
        (
            "WARNING",
            (
                "client crm: another secret was refused; secret 2 of 3 (file:/run/crm of 2001-09-09T01:46:40Z) "
                "was accepted, and is tried first from now on"
            ),
            {"client": "crm", "secret": 2, "secrets": 3, "source": "file:/run/crm"},
        )
    ]


def test_a_key_that_stays_in_use_is_told_at_warning(caplog):
    TokenLog().told(CredentialKept(CRM, "why"))

    assert told(caplog) == [
        (
            "WARNING",
            "client crm: its key was replaced by one that cannot be used; the last good one stays in use: why",
            {"client": "crm"},
        )
    ]


def test_a_smaller_scope_is_told_at_warning(caplog):
    TokenLog().told(ScopeReduced(CRM, ("orders.read", "orders.write")))

    assert told(caplog) == [
        (
            "WARNING",
            "client crm: less scope was granted than requested: orders.read orders.write is missing",
            {"client": "crm", "missing_scope": "orders.read orders.write"},
        )
    ]


def test_each_objection_of_the_metadata_is_told_at_warning(caplog):
    TokenLog().told(MetadataObjected(CRM, ("it has none", "nor that")))

    assert told(caplog) == [
        ("WARNING", f"client crm: the issuer's metadata: {words}", {"client": "crm"})
        for words in ("it has none", "nor that")
    ]


def test_metadata_that_fits_again_is_told_at_info(caplog):
    TokenLog().told(MetadataObjected(CRM, ()))

    assert told(caplog) == [
        ("INFO", "client crm: the issuer's metadata now fits its settings", {"client": "crm"})
    ]


def test_metadata_that_could_not_be_renewed_is_told_at_warning(caplog):
    TokenLog().told(MetadataKept(CRM, FAILED))

    assert told(caplog) == [
        (
            "WARNING",
            "client crm: the issuer's metadata could not be renewed; the known metadata stays in use: it failed",
            {"client": "crm"},
        )
    ]


@pytest.mark.parametrize(
    ("failed", "level", "message"),
    [
        (None, "INFO", "client crm: token 00000001 was revoked"),
        (FAILED, "WARNING", "client crm: token 00000001 could not be revoked, and stays valid: it failed"),
    ],
)
def test_a_revocation_is_told_and_a_token_that_lives_on_at_warning(caplog, failed, level, message):
    TokenLog().told(TokenRevoked(CRM, "00000001", failed))

    assert told(caplog) == [(level, message, {"client": "crm", "token": "00000001"})]


def test_no_record_shows_a_token(caplog):
    log = TokenLog()
    log.told(TokenObtained(CRM, token(1), 300.0, 0.0))
    log.told(TokenRejected(CRM, token(1)))

    assert not [each for each in told(caplog) if "access_token" in str(each)]
