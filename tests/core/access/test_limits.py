"""Whose requests are counted together, and what a response says of a quota."""

import pytest

from gateway.core.access.gcra import NS, Rate
from gateway.core.access.limits import key_of, network_of, rate_fields, usage
from gateway.core.caller import Caller, WayName
from gateway.core.settings.access_settings import LimitKey, RateLimit

ALICE = Caller(WayName("staff"), "alice")


@pytest.mark.parametrize(
    ("by", "caller", "key"),
    [
        (LimitKey.ROUTE, ALICE, ""),
        (LimitKey.CALLER, ALICE, "staff:alice"),
        (LimitKey.CALLER, None, "192.0.2.1"),
        (LimitKey.NETWORK, ALICE, "192.0.2.1"),
    ],
)
def test_requests_are_counted_by_what_the_limit_says(by, caller, key):
    assert key_of(by, "192.0.2.1", caller) == key


def test_callers_of_the_same_name_in_two_ways_are_two():
    assert key_of(LimitKey.CALLER, "", ALICE) != key_of(LimitKey.CALLER, "", Caller(WayName("ops"), "alice"))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_subscriber_has_one_count(address, network):
    assert network_of(address) == network or network == "192.0.2.1"


def test_the_fields_are_those_of_the_draft():
    limit = RateLimit("per-caller", 100, 60.0, 20)
    rate = Rate.of(100, 60.0, 20)
    used = usage(limit, rate, rate.taken(0, 50 * NS), 50 * NS)

    assert rate_fields([used]) == (
        ("RateLimit", '"per-caller";r=19;t=1'),
        ("RateLimit-Policy", '"per-caller";q=100;w=60'),
    )
    assert rate_fields([used, used])[0][1] == '"per-caller";r=19;t=1, "per-caller";r=19;t=1'
    assert rate_fields([]) == ()
