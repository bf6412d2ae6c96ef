"""A route's rule in words."""

from gateway.core.access.rule_words import gate_words, limit_words
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    NOTHING,
    AccessEntry,
    AccessRule,
    GateSettings,
    InFlightLimit,
    LimitKey,
    RateLimit,
)
from gateway.core.settings.hours import Hours

STAFF, OFFICE = WayName("staff"), WayName("office")


def test_a_rule_reads_like_a_sentence():
    rule = AccessRule(
        (
            AccessEntry((STAFF,), frozenset({"b", "a"}), (("tenant", ("acme", "beta")), ("admin", (True,)))),
            AccessEntry((STAFF, OFFICE), hours=Hours.of(("Mon-Fri 08:00-18:00",), "UTC")),
        )
    )

    assert gate_words(NOTHING) == "anyone"
    assert gate_words(GateSettings(rule)) == (
        "staff with scope a b and tenant acme or beta and admin true, or staff and office, "
        "Mon-Fri 08:00-18:00 UTC"
    )


def test_a_limit_says_what_it_allows():
    assert limit_words(RateLimit("a", 100, 60.0, 100)) == "a: 100 in 60 s by caller"
    assert limit_words(RateLimit("a", 100, 60.0, 5, LimitKey.ROUTE)) == "a: 100 in 60 s by route, 5 at once"
    assert limit_words(InFlightLimit("b", 5)) == "b: 5 in flight by route"
