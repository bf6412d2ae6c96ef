"""What an exchange says of its address."""

from __future__ import annotations

import pytest

from gateway.core import errors
from gateway.core.errors import GatewayError, UpstreamError
from gateway.core.upstreams.signs import Sign, sign_of, sign_of_error


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, Sign.NOTHING),
        (101, Sign.WELL),
        (200, Sign.WELL),
        (401, Sign.WELL),
        (403, Sign.WELL),
        (429, Sign.WELL),
        (500, Sign.WELL),
        (501, Sign.WELL),
        (502, Sign.STATUS_502),
        (503, Sign.STATUS_503),
        (504, Sign.STATUS_504),
    ],
)
def test_only_statuses_of_a_sick_address_are_failures(status, expected):
    assert sign_of(status, None, was_heard=status > 0, was_used=False) is expected
    assert expected.is_failure == (status in (502, 503, 504))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.UpstreamUnreachable, Sign.CONNECT),
        (errors.UpstreamTlsFailed, Sign.CONNECT),
        (errors.UpstreamNameUnresolved, Sign.CONNECT),
        (errors.UpstreamProxyLeadsNowhere, Sign.CONNECT),
        (errors.UpstreamProxyFailed, Sign.NOTHING),
        (errors.UpstreamConnectTimeout, Sign.TIMEOUT),
        (errors.UpstreamTimeout, Sign.TIMEOUT),
        (errors.UpstreamClosed, Sign.RESET),
        (errors.UpstreamAnswerIncomplete, Sign.RESET),
        (errors.UpstreamAnswerInvalid, Sign.MALFORMED),
        (errors.UpstreamAnswerTooLarge, Sign.MALFORMED),
        (errors.RouteFileUnusable, Sign.NOTHING),
        (errors.RouteTimeout, Sign.NOTHING),
        (errors.CallerGone, Sign.NOTHING),
        (errors.InternalError, Sign.NOTHING),
        (errors.OutOfDescriptors, Sign.NOTHING),
    ],
)
def test_what_an_error_says(error, expected):
    assert sign_of_error(error()) is expected


def test_every_error_of_an_upstream_is_judged():
    assert all(isinstance(sign_of_error(kind()), Sign) for kind in UpstreamError.__subclasses__())
    assert issubclass(UpstreamError, GatewayError)


@pytest.mark.parametrize(
    ("was_heard", "was_used", "expected"),
    [(False, True, Sign.NOTHING), (True, True, Sign.RESET), (False, False, Sign.RESET)],
)
def test_a_connection_that_died_idle_says_nothing(was_heard, was_used, expected):
    error = errors.UpstreamClosed()
    assert sign_of(0, error, was_heard=was_heard, was_used=was_used) is expected
