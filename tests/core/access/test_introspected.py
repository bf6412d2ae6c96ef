"""What an introspection response says."""

import pytest

from gateway.core.access.finding import Bad
from gateway.core.access.introspected import INACTIVE, introspected, is_token
from gateway.core.access.token_claims import EXPIRED, NO_END, ClaimRules
from gateway.core.caller import Caller, WayName

RULES = ClaimRules(WayName("opaque"), None, frozenset(), needs_end=False)


@pytest.mark.parametrize("active", [False, None, "true", 1, [], {}])
def test_only_true_is_active(active):
    assert introspected({"active": active, "sub": "alice"}, RULES, 0) is INACTIVE


def test_an_active_token_is_a_caller_for_as_long_as_it_says():
    found = introspected({"active": True, "sub": "alice", "exp": 20, "scope": "a b"}, RULES, 10)

    assert isinstance(found, Caller)
    assert (found.id, found.scope, found.expires_at_s) == ("alice", {"a", "b"}, 20)
    assert found.claims == {"sub": "alice", "exp": 20, "scope": "a b"}


@pytest.mark.parametrize(("exp", "bad"), [(10, EXPIRED), (9.5, EXPIRED), ("20", NO_END), (True, NO_END)])
def test_its_end_is_a_number_ahead(exp, bad):
    assert introspected({"active": True, "sub": "alice", "exp": exp}, RULES, 10) == bad


def test_nobody_is_refused():
    assert isinstance(introspected({"active": True}, RULES, 10), Bad)


@pytest.mark.parametrize(
    ("credential", "is_one"), [(b"a~|!", True), (b"", False), (b"a b", False), (b"\xe9", False)]
)
def test_what_may_be_a_token(credential, is_one):
    assert is_token(credential) == is_one
