from contextlib import suppress
from itertools import permutations
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import AmbiguousPath, GatewayError, MethodNotAllowed, NoRoute
from gateway.core.http.routing import Router
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
    "path",
    [
        "/%63rm",
        "//crm",
        "/x/%2e%2e/crm",
        "/crm;x",
        "/crm%2fusers",
        "/\\crm",
        "/crm%5cx",
        "/crm%00",
        "/c%0arm",
        "/crm%3fx",
    ],
)
def test_a_path_that_leads_elsewhere_when_read_otherwise_is_refused(path):
    with pytest.raises(AmbiguousPath):
        router().match("", path, "GET")


@pytest.mark.parametrize(
    "path",
    [
        "/crm/%41",
        "/crm//a",
        "/crm/;x",
        "/crm/a;b=c",
        "/crm/.well-known",
        "/%41",
        "/a;b",
        "/a%00",
        "/crm/CORP%5Cjohn",
    ],
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


ODD = ["/caf%C3%A9", "/a%20b/c", "/x;v=1", "/CORP%5Cusers", "/a//b", "/%61dmin", "/end%2Fless"]


@pytest.mark.parametrize("path", ODD)
def test_a_route_whose_path_is_encoded_is_reached_as_it_is_written(path):
    found = router([("root", route("/")), *((each, route(each)) for each in ODD)])

    assert found.match("", path, "GET") == path
    assert found.match("", f"{path}/users", "GET") == path


@pytest.mark.parametrize("path", ["/admin", "/caf%c3%a9", "/x", "/a/b"])
def test_another_spelling_of_an_encoded_path_is_not_its_route(path):
    found = router([("root", route("/")), *((each, route(each)) for each in ODD)])
    try:
        assert found.match("", path, "GET") == "root"
    except AmbiguousPath:
        assert "%" in path


def test_an_encoded_path_is_refused_where_its_decoded_form_is_another_route():
    with pytest.raises(AmbiguousPath):
        router([("odd", route("/%61dmin")), ("admin", route("/admin"))]).match("", "/%61dmin", "GET")


def test_a_long_path_of_a_route_needs_no_recursion():
    deep = "/a" * 5000
    found = router([("root", route("/")), ("deep", route(deep))])

    assert found.match("", f"{deep}/b", "GET") == "deep"
    assert found.match("", "/a" * 4999, "GET") == "root"


# ── cost: ratios of CPU within one run ────────────────────────────────────────────────────────────


def cpu_s(work):
    """The least CPU time of a few runs, each long enough to be measured."""
    times = []
    for _ in range(5):
        began_s, runs = process_time(), 0
        while (took_s := process_time() - began_s) < 0.01:
            with suppress(GatewayError):
                work()
            runs += 1
        times.append(took_s / runs)
    return min(times)


LONG = ["a/", "/", "%61/", "%2561/", "a%5c", "a%255c%0ab;x%2fy", "a;b/", ";", "%2f", "%00", ".../", "%25"]


@pytest.mark.parametrize("piece", LONG)
@pytest.mark.parametrize("start", ["/crm/", "/nope/"])
def test_twice_the_path_costs_about_twice_the_cpu(start, piece):
    short, long = (start + piece * (kib * 1024 // len(piece)) for kib in (16, 64))
    crm = router(
        [("crm", route("/crm")), ("deep", route("/crm" + "/a" * 30)), ("host", route("/x", host="*.x.test"))]
    )

    assert cpu_s(lambda: crm.match("", long, "GET")) < 8 * cpu_s(lambda: crm.match("", short, "GET"))


def many(count):
    """As many routes: by path, by exact host, by wildcard, with and without methods."""
    get = frozenset({"GET"})
    for at in range(count):
        yield at, route(f"/svc{at}/v1", methods=get if at % 2 else None)
        yield at, route("/", host=f"h{at}.test", methods=get)
        yield at, route("/x", host=f"*.w{at}.test")
        yield at, route("/svc/" + "a/" * (at % 7) + str(at), methods=get)


FEW, MANY = router(many(10)), router(many(10_000))


@pytest.mark.parametrize(
    ("host", "path", "method"),
    [
        ("", "/svc3/v1/users", "GET"),
        ("", "/svc3/v1/users", "PUT"),
        ("", "/nope", "GET"),
        ("", "/nope/%41", "GET"),
        ("h3.test", "/a", "GET"),
        ("h3.test", "/a", "PUT"),
        ("a.b.w3.test", "/x/y", "GET"),
        ("a.b.w3.test", "/nope", "GET"),
        (".".join("a" * 127), "/nope", "GET"),
    ],
)
def test_a_thousand_times_the_routes_cost_about_the_same(host, path, method):
    assert cpu_s(lambda: MANY.match(host, path, method)) < 3 * cpu_s(lambda: FEW.match(host, path, method))
