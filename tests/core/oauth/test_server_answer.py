"""An answer as it came: bounded, hidden, readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.server_answer import FORM, ServerAnswer, is_transient_status, read_fields


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_some_statuses_say_that_the_same_may_succeed_later(status: int):
    assert is_transient_status(status)


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 407, 409, 428, 430, 499])
def test_all_others_do_not(status: int):
    assert not is_transient_status(status)


def test_a_field_is_found_by_its_lower_case_name_or_is_empty():
    answer = ServerAnswer(200, {"retry-after": "7"}, b"")
    assert (answer.header("retry-after"), answer.header("date")) == ("7", "")


@pytest.mark.parametrize(
    ("values", "nonce"),
    [
        (["a", "b"], "a"),
        (["", "b", "c"], "b"),
        (['"quoted"', "b"], "b"),
        (["a b", "b"], "b"),
        (["x" * 1025, "é", "b"], "b"),
        (["a", ""], "a"),
    ],
)
def test_of_several_nonces_the_first_counts_that_can_be_used(values: list[str], nonce: str):
    """RFC 9449 section 8.1; the last one won, and a proxy on the way may add one."""
    names = ("DPoP-Nonce", "dpop-nonce", "DPOP-NONCE")
    assert read_fields(zip(names, values, strict=False))["dpop-nonce"] == nonce


def test_lists_are_joined_and_of_other_fields_the_first_counts():
    pairs = [("WWW-Authenticate", "Basic"), ("www-authenticate", "DPoP"), ("Date", "1"), ("Date", "2")]
    assert read_fields(pairs) == {"www-authenticate": "Basic, DPoP", "date": "1"}


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"{}", {}),
        (b"[]", None),
        (b'{"a": 1, "a": 2}', None),
        (b'{"a": 1} x', None),
        (b"", None),
    ],
)
def test_its_document_is_one_json_object_or_none(body: bytes, document: object):
    assert ServerAnswer(200, {}, body).document() == document


@pytest.mark.parametrize(
    ("body", "members"),
    [
        (b"a=1&b=x%2By+z", {"a": "1", "b": "x+y z"}),
        (b"a=1&b=\r\n", {"a": "1", "b": ""}),
        (b'{"a": 1}', {"a": 1}),
        (b"{}", {}),
        (b"a=1&a=2", None),
        (b"a=%FF", None),
        (b"a=\xff", None),
        (b"a", None),
        (b"", None),
        (b"<html>", None),
        (b"&".join(b"a%d=" % number for number in range(101)), None),
    ],
)
def test_what_is_said_to_be_a_form_is_read_as_one(body: bytes, members: object):
    fields = {"content-type": "application/X-www-form-urlencoded ; charset=UTF-8"}
    assert ServerAnswer(200, fields, body).members() == members


@pytest.mark.parametrize("kind", ["", "text/plain", "application/json"])
def test_nothing_else_is_a_form(kind: str):
    assert ServerAnswer(200, {"content-type": kind}, b"a=1").members() is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("7", 7.0),
        ("100000", 300.0),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
    ],
)
def test_the_rest_that_it_asks_for_is_read_and_bounded(stated: str, expected: float | None):
    assert ServerAnswer(503, {"retry-after": stated}, b"").retry_after_s(1000.0) == expected


@given(st.binary(), st.text())
def test_whatever_came_is_a_value_and_shows_nothing(body: bytes, field: str):
    answer = ServerAnswer(200, {"retry-after": field, "x": "hunter2"}, body + b"hunter2")
    answer.document()
    ServerAnswer(200, {"content-type": FORM}, body).members()
    answer.retry_after_s(0.0)
    assert repr(answer) == "ServerAnswer(status=200)"
