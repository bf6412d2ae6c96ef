from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import AmbiguousPath, MethodNotAllowed, NoRoute
from gateway.core.routing import Router
from tests.core.samples import route

GET_POST = frozenset({"GET", "POST"})
ROUTES = [
    ("any", route("/")),
    ("crm", route("/crm")),
    ("crm-post", route("/crm", methods=frozenset({"POST"}))),
    ("deep", route("/crm/v2/users")),
    ("host", route("/", host="crm.test")),
    ("host-crm", route("/crm", host="crm.test")),
    ("wild", route("/", host="*.example.test")),
    ("wilder", route("/", host="*.eu.example.test")),
    ("exact", route("/", host="a.example.test")),
]


def router(routes=ROUTES):
    return Router([(settings, name) for name, settings in routes])


@pytest.mark.parametrize(
    ("host", "path", "method", "name"),
    [
        ("", "/", "GET", "any"),
        ("", "/other", "GET", "any"),
        ("", "/crm", "GET", "crm"),
        ("", "/crm", "POST", "crm-post"),
        ("", "/crm/", "GET", "crm"),
        ("", "/crm/a", "POST", "crm-post"),
        ("", "/crmx", "GET", "any"),
        ("", "/crm.", "GET", "any"),
        ("", "/CRM", "GET", "any"),
        ("", "/crm/v2", "GET", "crm"),
        ("", "/crm/v2/users", "GET", "deep"),
        ("", "/crm/v2/users/7", "POST", "deep"),
        ("crm.test", "/", "GET", "host"),
        ("crm.test", "/crm/a", "GET", "host-crm"),
        ("crm.test.evil.test", "/", "GET", "any"),
        ("a.example.test", "/", "GET", "exact"),
        ("b.example.test", "/", "GET", "wild"),
        ("a.b.example.test", "/", "GET", "wild"),
        ("a.eu.example.test", "/", "GET", "wilder"),
        ("example.test", "/", "GET", "any"),
        (".example.test", "/", "GET", "any"),
        ("aexample.test", "/", "GET", "any"),
    ],
)
def test_the_most_specific_route_wins(host, path, method, name):
    assert router().match(host, path, method) == name


def test_the_order_of_the_file_is_of_no_account():
    routes = [ROUTES[at] for at in (0, 1, 2, 4, 6)]
    asked = [
        ("crm.test", "/crm", "POST"),
        ("", "/crm", "POST"),
        ("", "/crm", "GET"),
        ("b.example.test", "/x", "GET"),
    ]
    matched = {tuple(router(order).match(*each) for each in asked) for order in permutations(routes)}

    assert matched == {("host", "crm-post", "crm", "wild")}


def test_where_no_path_matches_there_is_no_route():
    with pytest.raises(NoRoute):
        router([("crm", route("/crm"))]).match("", "/crmx", "GET")


def test_where_no_host_matches_there_is_no_route():
    with pytest.raises(NoRoute):
        router([("host", route("/", host="crm.test"))]).match("other.test", "/", "GET")


def test_the_methods_of_all_matching_routes_are_allowed():
    routes = [("a", route("/crm", methods=GET_POST)), ("b", route("/crm/v2", methods=frozenset({"PUT"})))]
    with pytest.raises(MethodNotAllowed) as refusal:
        router(routes).match("", "/crm/v2/x", "DELETE")

    assert refusal.value.allow == ("GET", "POST", "PUT")


def test_a_method_that_a_longer_path_does_not_take_falls_to_a_shorter_one():
    routes = [("all", route("/")), ("get", route("/crm", methods=frozenset({"GET"})))]

    assert router(routes).match("", "/crm", "PUT") == "all"


@pytest.mark.parametrize(
    "path", ["/%63rm", "//crm", "/x/%2e%2e/crm", "/crm;x", "/crm%2fusers", "/\\crm", "/a%00"]
)
def test_a_path_that_leads_elsewhere_when_read_otherwise_is_refused(path):
    with pytest.raises(AmbiguousPath):
        router().match("", path, "GET")


@pytest.mark.parametrize(
    "path", ["/crm/%41", "/crm//a", "/crm/;x", "/crm/a;b=c", "/crm/.well-known", "/%41", "/a;b"]
)
def test_a_path_that_leads_to_the_same_route_however_read_passes(path):
    assert router().match("", path, "GET") in ("crm", "any")


def test_a_path_that_only_a_decoder_reads_as_a_route_is_refused_not_unknown():
    with pytest.raises(AmbiguousPath):
        router([("crm", route("/crm"))]).match("", "/%63rm", "GET")


def test_an_asterisk_goes_to_the_root_route():
    assert router().match("", "*", "OPTIONS") == "any"


SEGMENTS = st.lists(st.sampled_from(["crm", "v2", "users", "x", "crmx"]), max_size=4)


@given(
    SEGMENTS, st.sampled_from(["", "crm.test", "b.example.test", "x.test"]), st.sampled_from(["GET", "POST"])
)
def test_a_match_is_a_prefix_on_segment_borders_and_no_longer_one_matches(segments, host, method):
    path = "/" + "/".join(segments)
    by_name = dict(ROUTES)
    found = by_name[router().match(host, path, method)]
    candidates = [
        each.path
        for each in by_name.values()
        if each.host == found.host
        and (each.methods is None or method in each.methods)
        and (path == each.path or each.path == "/" or path.startswith(each.path + "/"))
    ]

    assert found.path == max(candidates, key=len)
