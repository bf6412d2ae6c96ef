import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import (
    CallerGone,
    GatewayError,
    MalformedRequest,
    MethodNotAllowed,
    NoRoute,
    TokenUnavailable,
)
from gateway.core.http.problem import problem_answer, problem_document
from tests.core.test_errors import ERRORS

DATE = "Mon, 23 Nov 2026 08:00:00 GMT"


def answer(error: GatewayError, *, closes: bool = False, is_head: bool = False) -> tuple[list[str], bytes]:
    """Head lines and body of an answer."""
    raw = problem_answer(error, "id-1", DATE, closes=closes, is_head=is_head)
    head, mark, body = raw.partition(b"\r\n\r\n")
    assert mark
    return head.decode().split("\r\n"), body


def test_the_document_says_what_whose_and_which_request():
    assert problem_document(NoRoute("no route matches"), "id-1") == {
        "type": "urn:gateway:error:no_route",
        "title": "No route matches",
        "status": 404,
        "side": "caller",
        "request_id": "id-1",
        "detail": "no route matches",
    }


def test_an_empty_detail_is_left_out():
    assert "detail" not in problem_document(NoRoute(), "id-1")


def test_the_answer_is_whole():
    lines, body = answer(NoRoute("here"))

    assert lines == [
        "HTTP/1.1 404 Not Found",
        f"Date: {DATE}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        'Proxy-Status: gateway; error=destination_not_found; details="no_route"',
        "X-Request-ID: id-1",
        "Cache-Control: no-store",
    ]
    assert json.loads(body)["detail"] == "here"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TokenUnavailable(retry_after_s=7), "Retry-After: 7"),
        (MethodNotAllowed(allow=("GET", "POST")), "Allow: GET, POST"),
    ],
)
def test_what_an_error_adds_stands_in_the_header(error, line):
    assert line in answer(error)[0]


def test_a_closing_answer_says_so():
    assert "Connection: close" in answer(MalformedRequest(), closes=True)[0]
    assert "Connection: close" not in answer(MalformedRequest(), closes=False)[0]


def test_an_answer_to_head_has_the_length_of_the_body_it_leaves_out():
    with_body, body = answer(NoRoute())
    without_body, nothing = answer(NoRoute(), is_head=True)

    assert (with_body, nothing) == (without_body, b"")
    assert f"Content-Length: {len(body)}" in without_body


@pytest.mark.parametrize("kind", [*ERRORS, CallerGone], ids=lambda kind: kind.code)
def test_every_error_makes_an_answer(kind):
    lines, body = answer(kind("a detail"), closes=kind.closes)

    assert lines[0].startswith(f"HTTP/1.1 {kind.status} ")
    assert json.loads(body)["status"] == kind.status


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_detail_stays_in_the_body(detail):
    """Whatever it says, the header has the same lines and the body is one JSON document."""
    lines, body = answer(NoRoute(detail))

    assert len(lines) == 7
    assert json.loads(body).get("detail", "") == detail
    assert f"Content-Length: {len(body)}" in lines
