"""What a request misses a route by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.doctor.near_routes import near_routes

UPSTREAM = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 9500)


def route(path, host=None):
    return RouteSettings(RouteName((host or "") + path), path, UPSTREAM, host)


ROUTES = [
    route("/crm"),
    route("/orders/v2"),
    route("/admin", "admin.example.com"),
    route("/", "a.example.com"),
]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/CRM/users", "/crm differs in case: paths are case-sensitive"),
        ("/crmx", "/crm matches whole segments only: /crm and /crm/..."),
        ("/crn/users", "/crm has a similar path"),
        ("/order/v2/1", "/orders/v2 has a similar path"),
        (
            "/admin",
            "admin.example.com/admin serves only the host admin.example.com, and this request is for b.example",
        ),
    ],
)
def test_what_makes_the_difference_is_told(path, line):
    assert line in near_routes(ROUTES, "b.example", path)


def test_the_nearest_comes_first():
    first, *_ = near_routes([route("/cry"), route("/crm")], "", "/CRM")
    assert first.startswith("/crm differs in case")


def test_where_nothing_is_near_all_are_named_and_the_rest_is_counted():
    many = [route(f"/{number:03}/service") for number in range(8)]
    lines = near_routes(many, "", "/x")
    assert lines == (*(f"/{number:03}/service has a different path" for number in range(5)), "and 3 more")


@given(st.text(max_size=20), st.text(alphabet="/abc.", max_size=12))
def test_no_request_is_too_odd(host, path):
    lines = near_routes(ROUTES, host, f"/{path}")
    assert 1 <= len(lines) <= 6
