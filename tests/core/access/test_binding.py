"""What a token is bound to, and the scheme that it comes with."""

from base64 import urlsafe_b64encode

import pytest

from gateway.core.access.binding import (
    NEEDS_PROOF,
    NOT_BOUND,
    UNKNOWN_BINDING,
    Binding,
    Bound,
    binding_in,
    known_or_bound,
)
from gateway.core.access.finding import Known
from gateway.core.caller import Caller, WayName

DIGEST = bytes(range(32))
TEXT = urlsafe_b64encode(DIGEST).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("claims", "binding"),
    [
        ({}, None),
        ({"cnf": {"jkt": TEXT}}, Binding(key=DIGEST)),
        ({"cnf": {"x5t#S256": TEXT}}, Binding(certificate=DIGEST)),
        ({"cnf": {"x5t#S256": TEXT, "jkt": TEXT}}, Binding(DIGEST, DIGEST)),
        ({"cnf": {}}, UNKNOWN_BINDING),
        ({"cnf": None}, UNKNOWN_BINDING),
        ({"cnf": "abc"}, UNKNOWN_BINDING),
        ({"cnf": {"jwk": {}}}, UNKNOWN_BINDING),
        ({"cnf": {"jkt": TEXT, "kid": "a"}}, UNKNOWN_BINDING),
        ({"cnf": {"jkt": TEXT + "="}}, UNKNOWN_BINDING),
        ({"cnf": {"jkt": TEXT[:-2]}}, UNKNOWN_BINDING),
        ({"cnf": {"jkt": 1}}, UNKNOWN_BINDING),
        ({"cnf": {"jkt": "ä" * 43}}, UNKNOWN_BINDING),
    ],
)
def test_what_cnf_means(claims, binding):
    assert binding_in(claims) == binding


def known(**claims):
    return Known(Caller(WayName("staff"), "alice", claims=claims))


@pytest.mark.parametrize(
    ("cnf", "has_proof_scheme", "worth"),
    [
        (None, False, Known),
        (None, True, NOT_BOUND),
        ({"jkt": TEXT}, True, Bound),
        ({"jkt": TEXT}, False, NEEDS_PROOF),
        ({"x5t#S256": TEXT}, False, Bound),
        ({"x5t#S256": TEXT}, True, NOT_BOUND),
        ({"x5t#S256": TEXT, "jkt": TEXT}, True, Bound),
        ({"x5t#S256": TEXT, "jkt": TEXT}, False, NEEDS_PROOF),
        ({}, False, UNKNOWN_BINDING),
    ],
)
def test_only_what_is_bound_to_a_key_comes_with_its_scheme(cnf, has_proof_scheme, worth):
    found = known_or_bound(known() if cnf is None else known(cnf=cnf), has_proof_scheme=has_proof_scheme)

    assert type(found) is worth if isinstance(worth, type) else found is worth
