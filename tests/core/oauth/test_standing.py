"""What a client's credentials are worth after what its grants met; instants straddle the bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.standing import KNOWN_FOR_S, Standing, is_about_request, is_everybodys, refuses_client
from gateway.core.oauth.token_outcome import Failed, FailureKind

WRONG = Failed(FailureKind.REFUSED, "it answered 401 invalid_client", "invalid_client", status=401)


def refused(*whos: str, at_s: float = 0.0, standing: Standing | None = None) -> Standing:
    made = standing or Standing()
    for who in whos:
        made = made.after_refusal(who, WRONG, at_s, 0.0)
    return made


def test_at_first_nothing_is_known():
    assert not Standing().is_known(0.0)
    assert Standing().rest.left_s(0.0) == 0.0


def test_credentials_are_known_to_be_accepted_for_a_while():
    standing = Standing().after_token("a", 10.0)
    assert standing.is_known(10.0 + KNOWN_FOR_S - 1e-6)
    assert not standing.is_known(10.0 + KNOWN_FOR_S)


def test_a_refusal_is_everybodys_pause():
    standing = refused("a", at_s=5.0)
    assert standing.rest.until_s == 15.0
    assert standing.rest.failed == WRONG


def test_the_same_one_refused_again_prolongs_only_its_own_pause():
    first = refused("a", at_s=0.0)
    assert refused("a", at_s=11.0, standing=first).rest == first.rest


def test_another_one_refused_prolongs_everybodys():
    first = refused("a", at_s=0.0)
    second = first.after_refusal("b", WRONG, 11.0, 0.999)
    assert second.rest.failures == 2
    assert 11.0 + 39.0 < second.rest.until_s < 11.0 + 40.0


def test_a_token_ends_everybodys_pause_and_pardons_who_was_refused():
    standing = refused("a", "b", at_s=0.0).after_token("c", 20.0)
    assert standing.rest.left_s(20.0) == 0.0
    assert standing.pardoned == {"a", "b"}
    assert standing.is_known(20.0)


def test_who_is_refused_though_others_are_accepted_is_refused_for_itself():
    standing = refused("a", at_s=0.0).after_token("b", 20.0)
    standing = refused("a", at_s=21.0, standing=standing)
    assert standing.is_known(21.0), "it says nothing about the credentials"
    assert standing.rest.left_s(21.0) == 0.0
    assert standing.pardoned == frozenset()
    late = refused("a", at_s=20.0 + 10 * KNOWN_FOR_S, standing=standing)
    assert late.rest.left_s(20.0 + 10 * KNOWN_FOR_S) == 0.0, "nor does it later"


def test_where_the_server_was_repaired_nobody_is_at_fault():
    """Who was refused is accepted: it was the credentials, and they are good now."""
    standing = refused("a", "b", at_s=0.0).after_token("a", 20.0)
    assert standing.at_fault == frozenset()
    assert standing.pardoned == {"b"}


def test_a_refusal_right_after_a_token_casts_doubt_and_the_next_one_decides():
    standing = Standing().after_token("a", 0.0)
    doubted = refused("b", at_s=1.0, standing=standing)
    assert not doubted.is_known(1.0)
    assert doubted.rest.left_s(1.0) == 0.0
    assert refused("c", at_s=2.0, standing=doubted).rest.left_s(2.0) == 10.0


def test_who_was_accepted_and_is_refused_shows_that_the_credentials_are_gone():
    standing = Standing().after_token("a", 0.0)
    assert refused("a", at_s=1.0, standing=standing).rest.left_s(1.0) == 10.0


def test_who_is_at_fault_is_as_others_after_a_token_of_its_own():
    standing = refused("a", at_s=0.0).after_token("b", 20.0).after_token("a", 30.0)
    assert standing.at_fault == frozenset()
    assert refused("a", at_s=31.0, standing=standing).rest.left_s(31.0) == 10.0


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "invalid_client", True),
        (400, "invalid_client", True),
        (401, "unauthorized_client", True),
        (401, "", True),
        (400, "", True),
        (403, "", True),
        (400, "invalid_grant", True),
        (400, "invalid_scope", False),
        (400, "unauthorized_client", False),
        (403, "access_denied", False),
        (401, "invalid_dpop_proof", False),
    ],
)
def test_what_blames_the_client_counts_for_all_its_grants(status: int, code: str, expected: bool):
    assert refuses_client(Failed(FailureKind.REFUSED, "it failed", code, status=status)) is expected


@pytest.mark.parametrize(
    ("kind", "status", "everybodys", "about_request"),
    [
        (FailureKind.UNREACHABLE, 0, True, False),
        (FailureKind.SLOW, 0, True, False),
        (FailureKind.UNREACHABLE, 503, True, True),
        (FailureKind.INVALID, 404, False, False),
        (FailureKind.REFUSED, 401, False, False),
    ],
)
def test_what_is_unwell_is_everybodys(kind: FailureKind, status: int, everybodys: bool, about_request: bool):
    failed = Failed(kind, "it failed", status=status)
    assert (is_everybodys(failed), is_about_request(failed)) == (everybodys, about_request)


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0.0, 100.0)), max_size=30)


@given(EVENTS)
def test_whoever_is_accepted_ends_every_pause_and_is_not_at_fault(events):
    standing, now_s = Standing(), 0.0
    for who, is_accepted, later_s in events:
        now_s += later_s
        if is_accepted:
            standing = standing.after_token(who, now_s)
            assert standing.is_known(now_s)
            assert standing.rest.left_s(now_s) == 0.0
            assert who not in standing.at_fault
            assert standing.refused == ()
        else:
            standing = standing.after_refusal(who, WRONG, now_s, 0.5)
            assert who not in standing.pardoned
        assert not standing.at_fault & set(standing.refused)


@given(EVENTS)
def test_who_is_at_fault_never_stops_another(events):
    """Once somebody else was accepted after it, its refusals change nothing for the others."""
    standing, now_s = refused("x").after_token("a", 1.0), 1.0
    for who, is_accepted, later_s in events:
        now_s += later_s
        standing = (
            standing.after_token(who, now_s)
            if is_accepted
            else standing.after_refusal(who, WRONG, now_s, 0.5)
        )
        after = standing.after_refusal("x", WRONG, now_s, 0.5)
        assert (after.rest, after.is_known(now_s)) == (standing.rest, standing.is_known(now_s))
