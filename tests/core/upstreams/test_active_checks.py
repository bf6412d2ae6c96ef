"""What checks change, when the next one comes, and that they never leave a group without an address."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import (
    InternalError,
    OutOfDescriptors,
    RouteFileUnusable,
    UpstreamAnswerInvalid,
    UpstreamClosed,
    UpstreamConnectTimeout,
    UpstreamTimeout,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)
from gateway.core.settings.balance_settings import ALIVE, CheckSettings
from gateway.core.upstreams.active_checks import (
    UNCHECKED,
    Checked,
    CheckResult,
    check_request,
    checked,
    first_wait_s,
    next_wait_s,
    result_of,
    result_of_error,
    sorted_out,
    status_words,
)
from gateway.core.upstreams.ejection import WELL, Health, worth_a_trial

RULE = CheckSettings("/health", every_s=10.0, fall=3, rise=2)
RESULTS = {"+": True, "-": False, "?": None}


def after(results, known=UNCHECKED):
    """What is known after `+` (alive), `-` (failed), `?` (says nothing), one second apart."""
    for now_s, each in enumerate(results):
        known = checked(known, CheckResult(RESULTS[each], each), float(now_s), RULE)
    return known


@pytest.mark.parametrize(
    ("results", "is_down"),
    [
        ("", False),
        ("-", True),
        ("?-", True),
        ("+--", False),
        ("+---", True),
        ("+--+--", False),
        ("+--?-", True),
        ("-+", True),
        ("-++", False),
        ("-+-+-+", True),
        ("-+?+", False),
        ("+---++", False),
        ("???", False),
    ],
)
def test_the_first_check_decides_alone_and_then_so_many_in_a_row(results, is_down):
    assert after(results).is_down is is_down


def test_the_last_result_and_its_time_are_kept_whatever_it_says():
    assert after("+-?") == Checked(False, True, 1, CheckResult(None, "?"), 2.0)


@given(st.text("+-?", max_size=30))
def test_a_row_never_reaches_what_would_have_changed_the_state(results):
    known = after(results)
    assert 0 <= known.row < (RULE.rise if known.is_down else RULE.fall)


@pytest.mark.parametrize(
    ("status", "expect", "is_alive"),
    [
        (200, ALIVE, True),
        (401, ALIVE, True),
        (403, ALIVE, True),
        (499, ALIVE, True),
        (500, ALIVE, False),
        (503, ALIVE, False),
        (401, frozenset({200}), False),
        (503, frozenset({503}), True),
    ],
)
def test_a_status_below_500_is_of_the_living_unless_the_file_says_otherwise(status, expect, is_alive):
    result = result_of(status, 0.25, replace(RULE, expect=expect))
    assert result == CheckResult(is_alive, str(status), 0.25)
    assert result.outcome == ("alive" if is_alive else "failed")


@pytest.mark.parametrize(
    ("error", "is_alive"),
    [
        (UpstreamUnreachable("no"), False),
        (UpstreamClosed("no"), False),
        (UpstreamTimeout("no"), False),
        (UpstreamConnectTimeout("no"), False),
        (UpstreamAnswerInvalid("no"), False),
        (UpstreamTlsFailed("no"), False),
        (RouteFileUnusable("no"), None),
        (OutOfDescriptors("no"), None),
        (InternalError("no"), None),
    ],
)
def test_what_the_address_cannot_help_says_nothing(error, is_alive):
    assert result_of_error(error, 0.0) == CheckResult(is_alive, "no")


@given(st.floats(0, 1, exclude_max=True), st.floats(0.1, 3600))
def test_checks_are_spread_by_chance(jitter, every_s):
    rule = replace(RULE, every_s=every_s)
    assert 0 <= first_wait_s(rule, jitter) <= min(1.0, every_s)
    assert 0.9 * every_s <= next_wait_s(rule, jitter) <= 1.1 * every_s


def test_a_check_names_the_service_and_carries_no_token():
    assert check_request("/health?deep=1", "api.test:8443", "gateway/1 (check)") == (
        b"GET /health?deep=1 HTTP/1.1\r\nHost: api.test:8443\r\nUser-Agent: gateway/1 (check)\r\n"
        b"Accept: */*\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        (ALIVE, "any status below 500"),
        (frozenset({204, 200}), "200, 204"),
        (frozenset((*range(200, 300), 401)), "2xx, 401"),
    ],
)
def test_the_statuses_of_the_living_are_told_in_words(expect, words):
    assert status_words(expect) == words


@dataclass(frozen=True)
class Address:
    health: Health
    checked: Checked


OUT, DOWN = Health(is_out=True), Checked(is_down=True)
UP, EJECTED = Address(WELL, UNCHECKED), Address(OUT, UNCHECKED)
DEAD, BOTH = Address(WELL, DOWN), Address(OUT, DOWN)


@pytest.mark.parametrize(
    ("addresses", "serving", "tried"),
    [
        ([UP, EJECTED, DEAD, BOTH], [UP], [EJECTED]),
        ([EJECTED, DEAD], [EJECTED], [EJECTED]),
        ([DEAD, BOTH], [DEAD], [BOTH]),
        ([BOTH, BOTH], [BOTH, BOTH], [BOTH, BOTH]),
        ([], [], []),
    ],
)
def test_what_checks_say_is_ignored_where_all_are_down(addresses, serving, tried):
    assert sorted_out(addresses) == (serving, tried)


@given(st.lists(st.sampled_from([UP, EJECTED, DEAD, BOTH]), min_size=1, max_size=6))
def test_some_address_always_serves(addresses):
    serving, tried = sorted_out(addresses)
    assert serving
    assert all(each.health.is_out for each in tried)


def test_an_address_that_checks_find_alive_again_is_worth_a_trial_at_once():
    assert worth_a_trial(Health(is_out=True, until_s=90.0), 20.0) == Health(is_out=True, until_s=20.0)
    assert worth_a_trial(Health(is_out=True, until_s=10.0), 20.0) == Health(is_out=True, until_s=10.0)
    assert worth_a_trial(WELL, 20.0) is WELL
