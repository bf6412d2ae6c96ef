import logging

import pytest

from gateway.core.errors import TokenUnavailable
from gateway.core.record import Reason
from gateway.core.settings import ClientName
from gateway.observe.token_log import TokenLog

from .samples import token

CRM = ClientName("crm")


def told(caplog):
    return [(record.levelname, record.getMessage(), record.__dict__["fields"]) for record in caplog.records]


@pytest.fixture(autouse=True)
def everything(caplog):
    with caplog.at_level(logging.DEBUG, "gateway.token"):
        yield


@pytest.mark.parametrize("reason", list(Reason))
def test_a_token_request_is_told_at_debug_with_its_reason(caplog, reason):
    TokenLog().token_requested(CRM, reason)

    ((level, message, fields),) = told(caplog)

    assert ("DEBUG", {"client": "crm", "reason": reason.value}) == (level, fields)
    assert message.startswith("client crm: a token is requested, because ")


def test_a_token_is_told_at_info(caplog):
    TokenLog().token_obtained(CRM, token(1), 300.0, 0.0421)

    assert told(caplog) == [
        (
            "INFO",
            "client crm: token 00000001 obtained, it lives 300 s",
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
    TokenLog().token_failed(CRM, TokenUnavailable(detail), 4.2)

    assert told(caplog) == [
        (
            "WARNING",
            f"no token: {told_as} (token_unavailable); the next attempt follows in 4 s at the earliest",
            {"client": "crm", "error": "token_unavailable", "retry_in_s": 4.2},
        )
    ]


def test_a_rejected_token_is_told_at_warning(caplog):
    TokenLog().token_rejected(CRM, token(2))

    assert told(caplog) == [
        (
            "WARNING",
            "client crm: an upstream refused token 00000002, it is dropped",
            {"client": "crm", "token": "00000002"},
        )
    ]


def test_no_record_shows_a_token(caplog):
    log = TokenLog()
    log.token_obtained(CRM, token(1), 300.0, 0.0)
    log.token_rejected(CRM, token(1))

    assert not [each for each in told(caplog) if "access_token" in str(each)]
