import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import UpstreamAnswerInvalid
from gateway.core.http.answer_head import (
    ANSWER_SPECIAL,
    Body,
    caller_body,
    challenges,
    dropped_names,
    has_no_body,
    may_be_trailer,
    upstream_body,
)

LENGTH, CHUNKED = {b"content-length": b"5"}, {b"transfer-encoding": b"chunked"}


@pytest.mark.parametrize(
    ("status", "special", "is_head", "body"),
    [
        (200, {}, False, Body.UNTIL_CLOSE),
        (200, LENGTH, False, Body.LENGTH),
        (404, LENGTH, False, Body.LENGTH),
        (200, CHUNKED, False, Body.CHUNKED),
        (500, {b"transfer-encoding": b"Chunked"}, False, Body.CHUNKED),
        (200, LENGTH, True, Body.NONE),
        (200, CHUNKED, True, Body.NONE),
        (200, {}, True, Body.NONE),
        (204, {}, False, Body.NONE),
        (304, LENGTH, False, Body.NONE),
        (304, CHUNKED, False, Body.NONE),
        (103, {}, False, Body.NONE),
        (205, LENGTH, False, Body.LENGTH),
    ],
)
def test_how_a_body_ends(status, special, is_head, body):
    """RFC 9112 section 6.3."""
    assert upstream_body(status, special, is_head=is_head) is body


@pytest.mark.parametrize(
    "special",
    [
        LENGTH | CHUNKED,
        {b"content-length": b""},
        {b"content-length": b"5, 5"},
        {b"content-length": b"+5"},
        {b"content-length": b"-5"},
        {b"content-length": b"5 5"},
        {b"transfer-encoding": b"gzip"},
        {b"transfer-encoding": b"gzip, chunked"},
        {b"transfer-encoding": b"chunked, chunked"},
        {b"transfer-encoding": b""},
    ],
)
@pytest.mark.parametrize(("status", "is_head"), [(200, False), (404, False), (304, False), (200, True)])
def test_a_framing_with_two_readings_is_refused_whatever_the_status(special, status, is_head):
    with pytest.raises(UpstreamAnswerInvalid):
        upstream_body(status, special, is_head=is_head)


@pytest.mark.parametrize(("status", "is_head"), [(200, False), (404, False), (304, False), (200, True)])
def test_a_transfer_coding_in_http_1_0_is_refused(status, is_head):
    """RFC 9112 section 6.1: its framing is to be treated as faulty."""
    with pytest.raises(UpstreamAnswerInvalid):
        upstream_body(status, CHUNKED, is_head=is_head, is_11=False)
    assert upstream_body(status, LENGTH, is_head=is_head, is_11=False) is upstream_body(
        status, LENGTH, is_head=is_head
    )


@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from([b"content-length", b"transfer-encoding"]), st.binary(max_size=8)),
    st.booleans(),
)
def test_any_framing_is_decided_or_our_error(status, special, is_head):
    try:
        body = upstream_body(status, special, is_head=is_head)
    except UpstreamAnswerInvalid:
        return
    assert (body is Body.NONE) == has_no_body(status, is_head=is_head)


@pytest.mark.parametrize(
    ("body", "modern", "old"),
    [
        (Body.NONE, Body.NONE, Body.NONE),
        (Body.LENGTH, Body.LENGTH, Body.LENGTH),
        (Body.CHUNKED, Body.CHUNKED, Body.UNTIL_CLOSE),
        (Body.UNTIL_CLOSE, Body.CHUNKED, Body.UNTIL_CLOSE),
    ],
)
def test_a_caller_is_told_the_end_in_a_way_that_it_knows(body, modern, old):
    assert caller_body(body, is_http10=False) is modern
    assert caller_body(body, is_http10=True) is old


@pytest.mark.parametrize(
    ("connection", "dropped"),
    [
        (None, set()),
        (b"close", set()),
        (b"keep-alive", set()),
        (b"Keep-Alive, Close, Upgrade, TE", set()),
        (b"X-Foo", {b"x-foo"}),
        (b"close, X-Foo , x-bar", {b"x-foo", b"x-bar"}),
        (b"content-length, transfer-encoding", set()),
    ],
)
def test_what_connection_names_is_dropped(connection, dropped):
    assert dropped_names({} if connection is None else {b"connection": connection}) == dropped


@pytest.mark.parametrize(
    "name",
    [*sorted(ANSWER_SPECIAL), b"Host", b"authorization", b"Set-Cookie", b"Content_Length", b"DPoP-Nonce"],
)
def test_a_trailer_that_changes_the_reading_is_not_passed(name):
    assert not may_be_trailer(name)
    assert not may_be_trailer(name.upper().replace(b"-", b"_"))


@pytest.mark.parametrize("name", [b"X-Sum", b"Server-Timing", b"grpc-status", b"Digest"])
def test_any_other_trailer_may_pass(name):
    assert may_be_trailer(name)


def test_challenges_are_found_in_any_case():
    lines = [
        b"A: b",
        b"WWW-Authenticate: Bearer",
        b"www-authenticate:Basic realm=x ",
        b"X-WWW-Authenticate: no",
    ]

    assert challenges(lines) == [b"Bearer", b"Basic realm=x"]
