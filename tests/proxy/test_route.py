import asyncio

import pytest

from gateway.core.http.recovery import Acceptance, target_digest
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.carriers import InCookie
from gateway.core.settings.rewrite_settings import RewriteSettings
from gateway.core.settings.route_settings import HeaderRules, RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.net.resolver import Resolver
from gateway.observe.route_health import RouteHealth
from gateway.observe.route_metrics import RouteMetrics
from gateway.proxy.census import Census
from gateway.proxy.outgoing.pool import Pool
from gateway.proxy.outgoing.room import Room
from gateway.proxy.route import Route
from gateway.tls.trust import Trust
from tests.core.samples import GRANT, token

LINES = [b"Server: legacy", b"X-A: 1", b"x-a: 2", b"Content-Type: text/plain"]


def route(**rules):
    return route_with(response_headers=HeaderRules(**rules))


def route_with(**members):
    upstream = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 9500)
    settings = RouteSettings(RouteName("/crm"), "/crm", upstream, **members)
    pool = Pool(upstream, Room(Limits(), Census(1)), asyncio.get_running_loop(), Trust(), Resolver())
    health = RouteHealth("/", "routes[0]", "", lambda: 0.0)
    return Route(settings, pool, None, RouteMetrics(), Acceptance(), health)


ANSWERS = [
    ({}, set(), LINES),
    ({}, {b"x-a"}, [LINES[0], LINES[3]]),
    ({"remove": ("SERVER",)}, set(), LINES[1:]),
    ({"remove": ("server",)}, {b"content-type"}, LINES[1:3]),
    ({"set": (("X-A", "3"),)}, set(), [LINES[0], LINES[3], b"X-A: 3"]),
    ({"add": (("X-A", "3"),)}, set(), [*LINES, b"X-A: 3"]),
    ({"remove": ("X-A",), "set": (("Server", "us"),), "add": (("X-A", "4"),)}, set(),
     [LINES[3], b"Server: us", b"X-A: 4"]),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "dropped", "lines"), ANSWERS)
async def test_the_lines_of_an_answer_are_removed_then_set_then_added(rules, dropped, lines):
    before = list(LINES)

    assert route(**rules).answer_lines(before, frozenset(dropped)) == lines
    assert before == LINES


DATED = {b"date": b"Thu, 26 Nov 2026 19:00:00 GMT"}
SENDS_COOKIE = {"grant": GRANT, "send": (InCookie("sid"),)}


@pytest.mark.parametrize(
    ("special", "members", "is_alike"),
    [
        (DATED, {}, True),
        ({}, {}, False),  # it gets the date of its moment
        ({}, {"response_headers": HeaderRules(set=(("Date", "never"),))}, True),
        (DATED | {b"location": b"/a"}, {}, False),  # the caller's host decides
        (DATED | {b"content-location": b"/a"}, {}, False),
        (DATED, {"rewrite": RewriteSettings(cookie_path=True)}, False),
        (DATED, SENDS_COOKIE, False),  # the token decides, and what is set of it is told to its source
    ],
)
async def test_heads_are_alike_for_all_if_nothing_but_the_head_decides(special, members, is_alike):
    assert route_with(**members).formats_alike(special) is is_alike


async def test_an_accepted_token_is_noted_and_its_target_forgotten():
    made, accepted = route(), token(1)
    made.refusals.note_useless(target_digest("GET", "/a"), accepted, 0.0)
    made.refusals.note_useless(target_digest("GET", "/b"), accepted, 0.0)
    made.note_accepted(accepted, 7.5, "GET", "/a")

    assert made.refusals.accepted is made.acceptance.token is accepted
    assert made.acceptance.at_s == 7.5
    assert not made.refusals.knows(target_digest("GET", "/a"), accepted, 1.0)
    assert made.refusals.knows(target_digest("GET", "/b"), accepted, 1.0)


async def test_a_route_shows_its_name_and_no_header_values():
    assert repr(route(set=(("X-Key", "s3cr3t"),))) == "<Route /crm>"
