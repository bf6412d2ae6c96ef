"""Counters of workers as one: what travels, and what is shown."""

from __future__ import annotations

import json

from gateway.core.cause import Cause
from gateway.core.errors import UpstreamUnreachable
from gateway.core.http.recovery import Recovery
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.upstream_settings import GroupName
from gateway.crew.counting import (
    ROUTE_COUNTS,
    group_numbers,
    health_numbers,
    process_numbers,
    route_numbers,
    route_of,
    show_health,
)
from gateway.crew.tally import Tally
from gateway.observe.gauges import Gauges
from gateway.observe.metrics import Metrics
from gateway.observe.route_health import RouteHealth
from gateway.observe.route_metrics import RouteMetrics

API = RouteName("/api")


def counted(requests=3):
    route = RouteMetrics()
    for _ in range(requests):
        route.started()
        route.done(502, 0.3, 0.2, 10, 20, Recovery.RECOVERED, "upstream_closed")
    route.started()
    route.connection_retried()
    route.accesses["partner", "admitted"] = 2
    route.nonce_retried()
    return route


def told(route, **more):
    return json.dumps({"routes": {API: route_numbers(route)}, "names": {}, "refused": {}, "open": 2, **more})


def metrics():
    return Metrics(Gauges("0", lambda: True, lambda: 0), lambda: 0.0)


def test_what_groups_count_adds_up_and_outlives_workers():
    orders = GroupName("orders")
    counts = metrics()
    counts.group(orders).retried("503", "answered")
    counts.group(orders).ejected("503")
    of_groups = {orders: group_numbers(counts.groups[orders])}
    shown = [{"upstream": orders, "addresses": [{"state": "up"}, {"state": "ejected"}]}]
    tally = Tally({})
    for pid in (1, 2):
        tally.took(pid, pid - 1, told(counted(), groups=of_groups, upstreams=shown))
    assert [each["worker"] for each in tally.upstreams()] == [0, 1]
    tally.gone(1)
    assert [each["worker"] for each in tally.upstreams()] == [1]
    total = tally.groups(metrics())[orders]
    assert (total.retries, total.ejections) == ({("503", "answered"): 2}, {"503": 2})


def test_everything_that_a_route_counts_travels():
    route = counted()
    members = {name for name in dir(route) if not name.startswith("_") and not callable(getattr(route, name))}
    assert set(ROUTE_COUNTS) == members
    again = route_of(json.loads(json.dumps(route_numbers(route))))
    assert route_numbers(again) == route_numbers(route)
    assert again.accesses == {("partner", "admitted"): 2}
    assert again.recoveries == {Recovery.RECOVERED: 3}
    assert again.statuses == {502: 3}
    assert again.in_progress() == 1
    assert again.durations.cumulative() == route.durations.cumulative()


def test_counts_of_the_living_and_of_the_dead_add():
    tally, own = Tally({}), metrics()
    tally.took(1, 0, told(counted(3)))
    tally.took(2, 1, told(counted(4)))
    assert tally.routes(own)[API].statuses == {502: 7}
    assert tally.connections(10).open == 4
    tally.gone(1)
    tally.took(3, 0, told(counted(1)))
    shown = tally.routes(own)[API]
    assert shown.statuses == {502: 8}
    assert shown.in_progress() == 2  # those of the dead are over
    assert tally.connections(10).open == 4
    successor = Tally(tally.base)
    assert successor.routes(own)[API].statuses == {502: 3}


def test_what_is_told_twice_counts_once_and_nonsense_not_at_all():
    tally, own = Tally({}), metrics()
    for text in (told(counted(3)), told(counted(3)), "[]", "{", '{"routes": {"/api": {"statuses": 1}}}'):
        tally.took(1, 0, text)
    assert tally.routes(own)[API].statuses == {502: 3}


def test_faults_of_the_keeper_itself_are_shown_too():
    own = metrics()
    own.route(API).failed_unasked()
    assert Tally({}).routes(own)[API].errors == {"internal_error": 1}


def test_a_route_is_as_troubled_as_any_worker_finds_it():
    now_s = [5.0]
    one, two, shown = (RouteHealth("/api", "routes[0]", "", lambda: now_s[0]) for _ in range(3))
    one.failed(UpstreamUnreachable("refused", cause=Cause.CONNECTION_REFUSED))
    one.failed(UpstreamUnreachable("refused", cause=Cause.CONNECTION_REFUSED))
    now_s[0] = 6.0
    two.failed(UpstreamUnreachable("refused", cause=Cause.CONNECTION_REFUSED))
    two.answered()
    show_health(shown, [json.loads(json.dumps(health_numbers(each))) for each in (one, two)])
    assert (shown.is_troubled, shown.failures, shown.at_s) == (True, 2, 5.0)
    assert shown.last == one.last


def test_a_process_says_what_prometheus_wants_to_know():
    numbers = process_numbers()
    assert numbers["resident_memory_bytes"] > 1_000_000
    assert numbers["open_fds"] > 2
    assert numbers["start_time_seconds"] > 1_600_000_000
