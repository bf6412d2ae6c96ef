"""Cross-origin requests (Fetch standard, section 3.2)."""

import pytest

from gateway.core.access.cors import Cors, asked_method, is_preflight
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.access_settings import CorsSettings
from gateway.core.settings.all_settings import Limits

APP = "https://app.test"
ASKED = ("Access-Control-Request-Method", "PUT")


def head(method="GET", *fields):
    raw = [(b"Host", b"a"), *((name.encode(), value.encode()) for name, value in fields)]
    return HeadReader(Limits()).read(method, "/", (1, 1), raw)


def preflight(origin=APP, *more):
    return head("OPTIONS", ("Origin", origin), ASKED, *more)


def lines(cors, asked):
    return dict(line.decode().split(": ", 1) for line in cors.lines(asked))


def permitted(cors, asked, methods=frozenset({"PUT", "GET"})):
    return dict(line.decode().split(": ", 1) for line in cors.preflight_lines(asked, methods))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (preflight(), True),
        (head("OPTIONS", ASKED), False),
        (head("OPTIONS", ("Origin", APP)), False),
        (head("GET", ("Origin", APP), ASKED), False),
    ],
)
def test_only_a_true_preflight_is_one(asked, found):
    assert is_preflight(asked) is found


def test_what_it_asks_for_is_a_method():
    assert asked_method(preflight()) == "PUT"
    assert asked_method(head("OPTIONS", ("Access-Control-Request-Method", "PUT, GET"))) == ""


def test_a_listed_origin_may_read_the_response():
    said = lines(
        Cors(CorsSettings(frozenset({APP}), credentials=True, expose=("X-Total",))),
        head("GET", ("Origin", APP)),
    )

    assert said == {
        "Access-Control-Allow-Origin": APP,
        "Vary": "Origin",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Total, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID",
    }


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "https://app.test.evil", "HTTPS://APP.TEST", ""]
)
def test_no_other_origin_is_reflected(origin):
    cors = Cors(CorsSettings(frozenset({APP})))

    assert lines(cors, head("GET", ("Origin", origin))) == {"Vary": "Origin"}
    assert permitted(cors, preflight(origin)) == {"Vary": "Origin"}


def test_without_an_origin_only_caches_are_told():
    assert lines(Cors(CorsSettings(frozenset({APP}))), head()) == {"Vary": "Origin"}


def test_any_origin_may_without_credentials():
    said = lines(Cors(CorsSettings(frozenset({"*"}))), head("GET", ("Origin", "https://evil.test")))

    assert said["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in said
    assert "Vary" not in said


def test_a_preflight_is_told_what_may_follow():
    asked = preflight(APP, ("Access-Control-Request-Headers", "x-a, content-type"))
    said = permitted(Cors(CorsSettings(frozenset({APP}), max_age_s=60)), asked)

    assert said == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Methods": "GET, PUT",
        "Access-Control-Allow-Headers": "x-a, content-type",
        "Access-Control-Max-Age": "60",
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    }


def test_a_route_for_any_method_permits_the_one_that_is_asked_for():
    assert (
        permitted(Cors(CorsSettings(frozenset({APP}))), preflight(), None)["Access-Control-Allow-Methods"]
        == "PUT"
    )


@pytest.mark.parametrize("names", ['x-a"', "x-a;b", "x" * 3000])
def test_odd_names_of_fields_are_not_echoed(names):
    asked = preflight(APP, ("Access-Control-Request-Headers", names))

    assert "Access-Control-Allow-Headers" not in permitted(Cors(CorsSettings(frozenset({APP}))), asked)


def test_listed_fields_are_told_whatever_is_asked_for():
    asked = preflight(APP, ("Access-Control-Request-Headers", "x-b"))
    cors = Cors(CorsSettings(frozenset({APP}), headers=("X-A", "X-C")))

    assert permitted(cors, asked)["Access-Control-Allow-Headers"] == "X-A, X-C"
