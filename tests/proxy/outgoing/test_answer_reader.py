"""Reading an answer, without a connection: the kernel may cut it anywhere, and anything may come."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.errors import UpstreamAnswerIncomplete, UpstreamClosed, UpstreamError
from gateway.core.http.answer_head import Body
from gateway.core.settings.all_settings import Limits
from gateway.proxy.outgoing.answer_reader import AnswerReader
from tests.proxy.answers import WHOLE

ROOMY = Limits()
NARROW = Limits(header_bytes=256, headers=8)
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def read(parts, limits=ROOMY, *, is_head=False, ends=False):
    """What a reader makes of the parts of an answer."""
    reader = AnswerReader(limits)
    reader.begin(is_head=is_head)
    for part in parts:
        reader.feed(part)
    if ends:
        reader.end_of_input(is_clean=True)
    answer = reader.answer
    return {
        "status": answer.status,
        "reason": answer.start[13:],
        "lines": answer.lines,
        "trailers": answer.trailers() if answer.is_complete else [],
        "content": b"".join(answer.chunks),
        "is_complete": answer.is_complete,
        "is_reusable": reader.is_reusable,
        "informational": [(one.status, one.lines) for one in reader.informational],
        "error": type(reader.error),
    }


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


CUTS = st.lists(st.integers(min_value=0), max_size=6)
ANSWERS = st.builds(
    lambda name, early, tail: (WHOLE[name], EARLY * early + WHOLE[name].data + tail),
    st.sampled_from(sorted(WHOLE)),
    st.integers(0, 2),
    st.sampled_from([b"", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"]),
)


@given(ANSWERS, CUTS)
def test_an_answer_is_the_same_however_it_is_cut(answer, places):
    case, data = answer
    whole = read([data], is_head=case.is_head)

    assert read(cut(data, places), is_head=case.is_head) == whole
    assert (whole["status"], whole["content"], whole["is_complete"]) == (case.status, case.content, True)


HEADS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 404 x\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 99 \r\n",
    b"ICY 200\r\n",
]
FIELDS = [b"Content-Length: 5\r\n", b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
          b"X: \x00\r\n", b" folded\r\n", b"X" * 300 + b": 1\r\n", b"\r\n", b"\n"]  # fmt: skip
BODIES = [
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffffff\r\n",
    b"5;a=b\nhello\r\n",
    b"\x00",
    b"\r\n",
]
PIECES = st.lists(st.sampled_from(HEADS + FIELDS + BODIES) | st.binary(max_size=8), max_size=12)


@given(PIECES, CUTS, st.booleans())
@example([b"HTTP/1.1 200 OK\r\n\r\n"], [], False)
def test_anything_is_an_answer_or_an_error_of_ours(pieces, places, is_head):
    """No exception, and never a whole answer where the bytes have not said so."""
    data = b"".join(pieces)
    seen = read(cut(data, places), NARROW, is_head=is_head, ends=True)

    assert seen["error"] is type(None) or issubclass(seen["error"], UpstreamError)
    assert seen["is_complete"] != (seen["error"] is not type(None))
    assert not seen["is_complete"] or 200 <= seen["status"] <= 999


@given(PIECES, CUTS)
def test_what_was_read_does_not_depend_on_the_cuts(pieces, places):
    data = b"".join(pieces)
    whole, parts = read([data], ends=True), read(cut(data, places), ends=True)

    assert parts["is_complete"] == whole["is_complete"]
    if whole["is_complete"]:
        told = ("status", "reason", "lines", "trailers", "content", "informational")
        assert [parts[each] for each in told] == [whole[each] for each in told]


@given(st.sampled_from(sorted(WHOLE)), st.integers(min_value=0))
def test_an_answer_that_stops_early_is_never_whole(name, place):
    case = WHOLE[name]
    data = case.data[: place % len(case.data)]
    seen = read([data], is_head=case.is_head, ends=True)

    assert not seen["is_complete"]
    assert seen["error"] in (UpstreamClosed, UpstreamAnswerIncomplete)
    assert not seen["is_reusable"]


def test_the_end_of_the_connection_ends_only_a_body_that_nothing_else_ends():
    until_close = b"HTTP/1.1 200 OK\r\n\r\nhello"
    reader = AnswerReader(ROOMY)
    reader.begin(is_head=False)
    reader.feed(until_close)
    reader.end_of_input(is_clean=False)

    assert reader.answer.body is Body.UNTIL_CLOSE
    assert (read([until_close], ends=True)["is_complete"], reader.answer.is_complete) == (True, False)
    assert type(reader.error) is UpstreamAnswerIncomplete
