"""Failures as errors towards a caller."""

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind, failure_error
from gateway.core.settings.client_settings import ClientName


@pytest.mark.parametrize(("retry_in_s", "expected"), [(0.0, 1), (0.001, 1), (1.0, 1), (1.001, 2), (59.5, 60)])
def test_retry_after_is_rounded_up_and_never_zero(retry_in_s: float, expected: int):
    error = failure_error(
        Failed(FailureKind.REFUSED, "it failed"), ClientName("crm"), retry_in_s, has_waited=True
    )
    assert error.retry_after_s == expected


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("has_waited", [True, False])
def test_no_failure_blames_the_caller(kind: FailureKind, has_waited: bool):
    error = failure_error(Failed(kind, "it failed"), ClientName("crm"), 1.0, has_waited=has_waited)
    assert error.status in {502, 503, 504}
    assert error.detail == "client crm: it failed"
