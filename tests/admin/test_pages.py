import json
from dataclasses import replace

import pytest

from gateway.admin.pages import PAGES, STATES_AT_ONCE, page
from gateway.admin.view import AdminView, MissingToken, Readiness
from gateway.core.settings.client_settings import ClientName

CRM, ERP = ClientName("crm"), ClientName("erp")


READY = Readiness()


def view(readiness=READY):
    return AdminView(
        readiness=lambda: readiness,
        clients=lambda: [{"name": "crm", "serial": 1}],
        routes=lambda: [{"name": "/crm"}],
        metrics=lambda: iter((b"gateway_ready ", b"1.0\n")),
        config=lambda: {"reloads": 0},
    )


def content(shown):
    return json.loads(whole(shown))


def whole(shown):
    return shown.body if isinstance(shown.body, bytes) else b"".join(shown.body)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_served_and_listed(path):
    assert page("GET", path, view()).status == 200
    assert path in content(page("GET", "/", view()))


@pytest.mark.parametrize(
    "readiness",
    [
        Readiness(missing=(MissingToken(CRM),)),
        Readiness(is_draining=True),
        Readiness(is_draining=True, missing=(MissingToken(CRM, "token_refused", 3.0),)),
    ],
)
def test_it_lives_whether_or_not_it_is_ready(readiness):
    assert page("GET", "/healthz", view(readiness)).status == 200
    assert page("GET", "/readyz", view(readiness)).status == 503


def test_ready_means_nothing_is_missing():
    shown = page("GET", "/readyz", view())

    assert (shown.status, content(shown)) == (200, {"ready": True, "draining": False, "missing": []})


def test_readiness_tells_which_clients_are_missing_and_why():
    missing = (MissingToken(CRM, "token_refused", 12.5), MissingToken(ERP))
    shown = page("GET", "/readyz", view(Readiness(missing=missing)))

    assert content(shown) == {
        "ready": False,
        "draining": False,
        "missing": [
            {"client": "crm", "required": True, "error": "token_refused", "retry_in_s": 12.5},
            {"client": "erp", "required": True, "error": None, "retry_in_s": None},
        ],
    }
    assert shown.headers == {"Retry-After": "13"}


def test_a_client_that_is_not_required_is_told_of_and_holds_nothing_up():
    missing = MissingToken(CRM, "token_refused", 12.5, is_required=False)
    shown = page("GET", "/readyz", view(Readiness(missing=(missing,))))

    assert (shown.status, shown.headers) == (200, {})
    assert content(shown) == {
        "ready": True,
        "draining": False,
        "missing": [{"client": "crm", "required": False, "error": "token_refused", "retry_in_s": 12.5}],
    }


@pytest.mark.parametrize(
    ("readiness", "headers"),
    [
        (Readiness(is_draining=True, missing=(MissingToken(CRM, "token_refused", 3.0),)), {}),
        (Readiness(missing=(MissingToken(CRM),)), {}),
        (
            Readiness(missing=(MissingToken(CRM, "a", 9.0), MissingToken(ERP, "b", 2.1))),
            {"Retry-After": "3"},
        ),
        (
            Readiness(missing=(MissingToken(CRM, "a", 9.0), MissingToken(ERP, "b", 2.1, is_required=False))),
            {"Retry-After": "9"},
        ),
    ],
)
def test_the_soonest_attempt_is_the_time_to_ask_again_but_never_while_draining(readiness, headers):
    assert headers == page("GET", "/readyz", view(readiness)).headers


def test_state_and_metrics_are_passed_on():
    assert content(page("GET", "/clients", view())) == {"clients": [{"name": "crm", "serial": 1}]}
    assert content(page("GET", "/routes", view())) == {"routes": [{"name": "/crm"}]}
    metrics = page("GET", "/metrics", view())
    assert (
        metrics.content_type,
        whole(metrics),
    ) == ("text/plain; version=0.0.4; charset=utf-8", b"gateway_ready 1.0\n")


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/nothing", 404, {}),
        ("POST", "/nothing", 404, {}),
        ("GET", "/healthz/", 404, {}),
        ("POST", "/healthz", 405, {"Allow": "GET, HEAD"}),
        ("OPTIONS", "/metrics", 405, {"Allow": "GET, HEAD"}),
        ("DELETE", "/clients", 405, {"Allow": "GET, HEAD"}),
    ],
)
def test_anything_else_is_a_problem(method, path, status, headers):
    shown = page(method, path, view())

    assert (status, "application/problem+json", headers) == (shown.status, shown.content_type, shown.headers)
    assert status == content(shown)["status"]


@pytest.mark.parametrize("path", ["/clients", "/routes"])
@pytest.mark.parametrize("count", [0, 1, STATES_AT_ONCE, STATES_AT_ONCE + 1, 1000])
def test_a_long_list_comes_in_pieces_that_are_one_document(path, count):
    states = [{"name": f"a\n{number}", "more": {"scope": []}} for number in range(count)]
    shown = page("GET", path, replace(view(), clients=lambda: iter(states), routes=lambda: iter(states)))
    pieces = list(shown.body)

    assert json.loads(b"".join(pieces)) == {path[1:]: states}
    assert max(piece.count(b'"name"') for piece in pieces) <= STATES_AT_ONCE


def test_health_fails_while_deadlines_are_not_looked_at():
    shown = page("GET", "/healthz", replace(view(), stale=lambda: ("callers",)))

    assert (shown.status, content(shown)) == (503, {"status": "stale", "stale": ["callers"]})
