"""How many workers there are, and what each may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.crew.shares import automatic, quota_of, route_of_keeper, route_of_worker, share_of
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.balance_settings import CheckSettings
from gateway.core.settings.route_settings import RouteName, RouteSettings, TenantSettings
from gateway.core.settings.upstream_settings import (
    AddressSettings,
    GroupName,
    GroupSettings,
    Scheme,
    UpstreamSettings,
)


@given(
    workers=st.integers(1, 64),
    connections=st.integers(1, 100_000),
    total=st.integers(1, 10**9),
)
def test_shares_are_neither_nothing_nor_less_than_the_whole(workers, connections, total):
    limits = Limits(connections=connections, replay_total_bytes=total, buffers_bytes=total)
    share = share_of(limits, workers)
    assert share.connections * workers >= connections
    assert (share.connections - 1) * workers < connections
    assert share.buffers_bytes * workers >= total
    assert share.replay_total_bytes >= limits.replay_bytes


def test_a_group_serves_a_share_of_its_requests_for_tenants_too():
    place = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 80)
    group = GroupSettings(GroupName("orders"), (AddressSettings(place, place),), max_requests=10)
    route = RouteSettings(RouteName("/"), "/", place, group=group)
    whole = replace(route, tenants=TenantSettings("caller", (("a", route),), route))
    share = route_of_worker(whole, 4)
    for each in (share, *share.tenants.all):
        assert (each.group.max_requests, each.group.queue.length) == (3, 250)
    endless = replace(route, group=replace(group, max_requests=None))
    assert route_of_worker(endless, 4) is endless


def test_the_keeper_checks_no_address_for_tenants_neither():
    place = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 80)
    group = GroupSettings(GroupName("orders"), (AddressSettings(place, place),), check=CheckSettings("/"))
    route = RouteSettings(RouteName("/"), "/", place, group=group)
    whole = replace(route, tenants=TenantSettings("caller", (("a", route),), route))
    kept = route_of_keeper(whole)
    assert [each.group.check for each in (kept, *kept.tenants.all)] == [None] * 3
    assert route_of_keeper(kept) is kept


def test_one_worker_has_it_all():
    assert share_of(Limits(), 1) == Limits()


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2.0),
        ("150000 100000", 1.5),
        ("", None),
        ("100000", None),
        ("x y", None),
        ("1 0", None),
    ],
)
def test_a_quota_is_read(text, quota):
    assert quota_of(text) == quota


@pytest.mark.parametrize(
    ("quotas", "processors", "workers"),
    [
        ([], 4, 4),
        ([None], 4, 4),
        ([2.5], 4, 2),
        ([0.5], 4, 1),
        ([8.0, 3.0, None], 16, 3),
        ([8.0], 2, 2),
    ],
)
def test_auto_is_what_may_be_used(quotas, processors, workers):
    assert automatic(quotas, processors) == workers
