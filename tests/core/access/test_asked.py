"""What a configuration asks about callers: all that decides about them or is told of them, and nothing else."""

from dataclasses import replace

import pytest

from gateway.core.access.asked import Asked, asked_in
from gateway.core.access.finding import Known
from gateway.core.access.outcome import judge
from gateway.core.caller import Caller, WayName
from gateway.core.settings.access_settings import AccessEntry, AccessRule, GateSettings
from gateway.core.settings.identity import IdentityField, identity_lines
from gateway.core.settings.identity_jwt import IdentityJwt, stated
from gateway.core.settings.route_settings import RouteName, RouteSettings, TenantSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.core.tenants import selected

STAFF = WayName("staff")
ALICE = Caller(
    STAFF,
    "alice",
    frozenset({"read", "write", "admin"}),
    {"tenant": "acme", "team": ["a", "b"], "level": 3, "email": "alice@example.com", "more": {"x": 1}},
    77.0,
)
UPSTREAM = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 80)


def route(tenants=None, **gate):
    return RouteSettings(RouteName("/"), "/", upstream=UPSTREAM, gate=GateSettings(**gate), tenants=tenants)


def rule(*, scope=(), claims=()):
    return AccessRule((AccessEntry((STAFF,), frozenset(scope), claims),))


RULE = rule(scope=("read",), claims=(("team", ("b",)), ("level", (3,))))
PLAIN = route(rule=RULE, identity=(IdentityField.of("X-Caller", "{caller.id} of {caller.claims.tenant}"),))
SCOPED = route(rule=rule(), identity=(IdentityField.of("X-Scope", "{caller.scope}"),))
SIGNED = route(
    rule=rule(), identity_jwt=IdentityJwt("X-Identity", "https://gw", ("api",), ("email", "scope"))
)
TENANTS = route(rule=rule(), tenants=TenantSettings("caller.claims.tenant", ()))


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([], Asked()),
        ([route()], Asked()),
        ([PLAIN], Asked(frozenset({"team", "level", "tenant"}), frozenset({"read"}))),
        ([SCOPED], Asked(frozenset(), None)),
        ([SIGNED], Asked(frozenset({"email", "scope"}), None)),
        ([TENANTS], Asked(frozenset({"tenant"}), frozenset())),
        ([TENANTS, SCOPED, PLAIN], Asked(frozenset({"team", "level", "tenant"}), None)),
    ],
)
def test_what_is_asked(routes, expected):
    assert asked_in(routes) == expected


@pytest.mark.parametrize("each", [PLAIN, SCOPED, SIGNED, TENANTS])
def test_what_is_left_of_a_caller_gives_the_same_answers(each):
    left, gate = asked_in([each]).of(ALICE), each.gate

    for who in (left, ALICE):
        assert judge(gate.rule, {STAFF: Known(who)}, frozenset({STAFF})).caller is who
    assert identity_lines(gate.identity, left) == identity_lines(gate.identity, ALICE)
    if gate.identity_jwt is not None:
        assert stated(gate.identity_jwt, left) == stated(gate.identity_jwt, ALICE)
    if each.tenants is not None:
        assert selected(left, each.tenants.by) == selected(ALICE, each.tenants.by) == "acme"


def test_nothing_else_is_left():
    left = asked_in([PLAIN]).of(ALICE)

    assert left.claims == {"team": ["a", "b"], "level": 3, "tenant": "acme"}
    assert left.scope == {"read"}
    assert (left.way, left.id, left.expires_at_s) == (STAFF, "alice", 77.0)


def test_who_asks_later_asks_for_more_and_never_for_less():
    some, more = Asked(frozenset({"a"}), frozenset({"x"})), Asked(frozenset({"b"}), None)

    assert some | more == more | some == Asked(frozenset({"a", "b"}), None)
    assert some | replace(more, scope=frozenset({"y"})) == Asked(frozenset({"a", "b"}), frozenset({"x", "y"}))
