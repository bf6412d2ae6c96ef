import pytest

from gateway.core.settings import HeaderRules, RouteName, RouteSettings, Scheme, UpstreamSettings
from gateway.proxy.route import Route

LINES = [b"Server: legacy", b"X-A: 1", b"x-a: 2", b"Content-Type: text/plain"]


def route(**rules):
    upstream = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 9500)
    settings = RouteSettings(RouteName("/crm"), "/crm", upstream, response_headers=HeaderRules(**rules))
    return Route(settings, None, None, None)


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
def test_the_lines_of_an_answer_are_removed_then_set_then_added(rules, dropped, lines):
    before = list(LINES)

    assert route(**rules).answer_lines(before, frozenset(dropped)) == lines
    assert before == LINES


def test_a_new_route_holds_nothing_back():
    held = route()

    assert [held.held_until_s(is_replayable=each) for each in (True, False)] == [0.0, 0.0]


def test_a_hold_stops_every_recovery_of_the_route():
    held = route()
    held.hold(30.0)

    assert [held.held_until_s(is_replayable=each) for each in (True, False)] == [30.0, 30.0]


def test_a_hold_for_what_cannot_be_replayed_leaves_the_rest_free():
    held = route()
    held.hold(30.0, only_unreplayable=True)

    assert [held.held_until_s(is_replayable=each) for each in (True, False)] == [0.0, 30.0]


def test_a_route_shows_its_name_and_no_header_values():
    assert repr(route(set=(("X-Key", "s3cr3t"),))) == "<Route /crm>"
