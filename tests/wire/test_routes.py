"""Which route a request takes, and what it is told where there is none. RFC 9457, RFC 9209."""

import pytest

from gateway.core.settings.route_settings import CallerAuthorization
from tests.wire.messages import request
from tests.wire.rig import Rig


@pytest.mark.parametrize(
    ("route", "target", "forwarded"),
    [
        ({"path": "/crm"}, "/crm/users?a", b"/crm/users?a"),
        ({"path": "/crm", "base_path": "/occ/v2"}, "/crm/users", b"/occ/v2/crm/users"),
        ({"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}, "/crm/users?", b"/occ/v2/users?"),
        ({"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}, "/crm", b"/occ/v2"),
        ({"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}, "/crm/", b"/occ/v2/"),
        ({"path": "/crm", "strips_prefix": True}, "/crm", b"/"),
        ({"path": "/crm", "strips_prefix": True}, "/crm?a", b"/?a"),
        ({"path": "/crm", "strips_prefix": True}, "/crm/%2Fa", b"/%2Fa"),
        ({"path": "/", "base_path": "/occ"}, "/", b"/occ/"),
        ({"path": "/", "base_path": "/occ", "strips_prefix": True}, "/a", b"/occ/a"),
    ],
)
async def test_base_path_goes_in_front_and_the_prefix_is_stripped(route, target, forwarded):
    async with Rig(routes=lambda rig: [rig.route(**route)]) as rig:
        assert (await rig.get(target)).status == 200
        assert rig.upstream.requests[0].target == forwarded


# ── routing ───────────────────────────────────────────────────────────────────────────────────────────


def many_routes(rig):
    return [
        rig.route("/", name="any"),
        rig.route("/crm", name="crm"),
        rig.route("/crm/deep", name="deep", methods=frozenset({"POST"})),
        rig.route("/", name="host", host="crm.test"),
        rig.route("/", name="wild", host="*.example.test"),
        rig.route("/only", name="only", host="only.test", methods=frozenset({"GET", "PUT"})),
    ]


@pytest.mark.parametrize(
    ("method", "host", "target", "route"),
    [
        ("GET", "x.test", "/", "any"),
        ("GET", "x.test", "/crm", "crm"),
        ("GET", "x.test", "/crm/a", "crm"),
        ("GET", "x.test", "/crmx", "any"),
        ("POST", "x.test", "/crm/deep/er", "deep"),
        ("GET", "x.test", "/crm/deep/er", "crm"),
        ("GET", "crm.test", "/x", "host"),
        ("GET", "CRM.Test:8080", "/x", "host"),
        ("GET", "crm.test.", "/x", "host"),
        ("GET", "a.example.test", "/x", "wild"),
        ("GET", "a.b.example.test", "/x", "wild"),
        ("GET", "example.test", "/x", "any"),
        ("PUT", "only.test", "/only", "only"),
    ],
)
async def test_the_most_specific_route_wins(method, host, target, route):
    async with Rig(routes=many_routes) as rig:
        assert (await rig.ask(request(method, target, f"Host: {host}"))).status == 200
        assert rig.told.records[0].route == route


async def test_no_route_is_a_problem_that_names_the_gateway():
    """RFC 9457, RFC 9209."""
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        answer = await rig.get("/other", "X-Request-ID: my-id-1")

        assert (answer.status, answer.code) == (404, "no_route")
        assert answer.problem["request_id"] == "my-id-1"
        assert answer.problem["side"] == "caller"
        assert answer.problem["status"] == 404
        assert answer.head.value("X-Request-ID") == b"my-id-1"
        assert (
            answer.head.value("Proxy-Status") == b'gateway; error=destination_not_found; details="no_route"'
        )
        assert answer.head.value("Date") is not None
        assert not answer.closes
        assert rig.upstream.saw_nothing


async def test_a_method_that_no_route_allows_is_answered_405_with_allow():
    async with Rig(routes=lambda rig: [rig.route("/crm", methods=frozenset({"POST", "GET"}))]) as rig:
        answer = await rig.ask(request("DELETE", "/crm"))

        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.head.value("Allow") == b"GET, POST"


async def test_a_problem_for_head_has_no_body():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("HEAD", "/other"))
        next_answer = await caller.ask(request("GET", "/crm"))

        assert (answer.status, next_answer.status) == (404, 200)


async def test_the_callers_authorization_is_rejected_where_the_route_says_so():
    routes = lambda rig: [rig.route(authorization=CallerAuthorization.REJECT)]  # noqa: E731
    async with Rig(routes=routes) as rig:
        answer = await rig.get("/", "Authorization: Bearer mine")

        assert (answer.status, answer.code) == (403, "authorization_not_allowed")
        assert rig.upstream.saw_nothing
