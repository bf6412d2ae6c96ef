"""Plain heads against the parsers: what is read without one is what it would have made of the same bytes.

A second reader of heads is a surface for smuggling. So it may give up at any time, but may never disagree.
"""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.errors import GatewayError, UpstreamAnswerTooLarge
from gateway.core.http.answer_head import ANSWER_NAMES
from gateway.core.http.plain_head import KEPT_BYTES
from gateway.core.http.request_head import HeadReader, RequestHead
from gateway.core.settings.all_settings import Limits
from gateway.proxy.outgoing.answer_reader import AnswerReader
from gateway.proxy.request_reader import RequestReader
from tests.proxy import near_plain
from tests.wire.messages import ok, request

ROOMY = Limits()
NARROW = Limits(target_bytes=300, header_bytes=300, headers=4)
ANY = RequestHead("GET", "/", "", [], {})
OF_A_HEAD = sorted({name for name in dir(ANY) if not name.startswith("_")} - {"line", "plain_fields"})


@pytest.fixture(scope="module")
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


def warm(limits=ROOMY):
    """A reader that has met the names and hosts which make a head plain, and all that must not."""
    reader = HeadReader(limits)
    reader._names.sort([(name, b"v") for name in near_plain.MET])
    for host in near_plain.HOSTS:
        reader.read("GET", "/", (1, 1), [(b"Host", host)])
    return reader


def seen(head):
    return {name: getattr(head, name) for name in OF_A_HEAD}


def usual(data, limits, loop):
    """What the usual way makes of one read on a new connection; raises where it makes no request of it.

    Nothing of it may be left in the parser, and nothing may end the connection: the plain way leaves no trace.
    """
    reader = RequestReader(web.Server(lambda _: None, loop=loop), limits, loop)
    reader.data_received(data)
    message = reader.only_message()
    (alone,) = reader._messages
    assert alone[1].is_eof() and alone[1].total_bytes == 0, "a body"
    assert not (reader._rest_bytes or reader._has_begun_head or reader.had_odd_read or reader._is_last)
    assert not (message.should_close or message.chunked or message.upgrade)
    return HeadReader(limits).read(
        message.method, message.path, message.version, message.raw_headers, is_small=True
    )


def read_after(before, data, limits, loop, reader):
    """Read a head as the next one of a connection, and compare it with the parser's; None: it was not plain."""
    plain = reader.read_plain(data, before)
    if plain is not None:
        assert seen(plain) == seen(usual(data, limits, loop))
    return plain


def agree(data, limits, loop, reader=None):
    """Whether it was plain; then both ways say the same."""
    return read_after(None, data, limits, loop, reader or warm(limits)) is not None


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────


@given(near_plain.requests(), st.sampled_from([ROOMY, NARROW]))
def test_a_request_that_is_read_plainly_is_what_the_parser_makes_of_it(loop, data, limits):
    agree(data, limits, loop)


@given(
    near_plain.requests(),
    near_plain.requests(),
    st.lists(near_plain.CHANGES, max_size=2),
    st.sampled_from([ROOMY, NARROW]),
)
def test_fields_that_are_nearly_those_of_the_head_before_are_what_the_parser_makes_of_them(
    loop, data, other, changes, limits
):
    """The fields of one request behind the line of another, the same and with a change or two."""
    reader = warm(limits)
    head = reader.read_plain(data)
    before = head.plain_fields if head is not None else None
    again = other.partition(b"\r\n")[0] + data[max(0, data.find(b"\r\n")) :]
    for change in changes:
        again = near_plain.changed(again, change)

    read_after(before, again, limits, loop, reader)


def start(line=b"GET / HTTP/1.1", *fields):
    return b"\r\n".join((line, b"Host: gateway.test", *fields, b"", b""))


PLAIN_REQUESTS = [
    start(),
    start(b"HEAD /a/b?c=d&e%20 HTTP/1.1"),
    start(b"DELETE /a HTTP/1.1", b"Authorization: Basic abc", b"Via: 1.0 a", b"X-Forwarded-For: 192.0.2.1"),
    start(
        b"GET / HTTP/1.1",
        b"Connection: keep-alive",
        b"Origin: http://a.test",
        b"User-Agent: a b",
        b"X-A: b: c",
    ),
    start(b"GET / HTTP/1.1", b"X-A: 1", b"X-A: 2", b"x-a: 3"),
    start(b"GET / HTTP/1.1", b"X-Request-ID: 1", b"Cookie: a=b", b'If-None-Match: W/"1"'),
]
ODD_REQUESTS = {
    "a blank more": start(b"GET / HTTP/1.1", b"X-A:  b"),
    "a blank behind": start(b"GET / HTTP/1.1", b"X-A: b "),
    "no blank": start(b"GET / HTTP/1.1", b"X-A:b"),
    "no value": start(b"GET / HTTP/1.1", b"X-A: "),
    "a tab": start(b"GET / HTTP/1.1", b"X-A: a\tb"),
    "no colon": start(b"GET / HTTP/1.1", b"X-A"),
    "a blank before the colon": start(b"GET / HTTP/1.1", b"X-A : b"),
    "obs-fold": start(b"GET / HTTP/1.1", b"X-A: b", b" Content-Length: 5"),
    "a bare LF": start(b"GET / HTTP/1.1", b"X-A: b\nContent-Length: 5"),
    "a bare CR": start(b"GET / HTTP/1.1", b"X-A: b\rContent-Length: 5"),
    "NUL": start(b"GET / HTTP/1.1", b"X-A: \0"),
    "beyond ASCII": start(b"GET / HTTP/1.1", b"X-A: \xc3\xa9"),
    "two hosts": start(b"GET / HTTP/1.1", b"Host: gateway.test"),
    "two hosts in two cases": start(b"GET / HTTP/1.1", b"host: gateway.test"),
    "Authorization twice": start(b"GET / HTTP/1.1", b"Authorization: a", b"authorization: b"),
    "User-Agent twice": start(b"GET / HTTP/1.1", b"User-Agent: a", b"user-agent: b"),
    "Via twice": start(b"GET / HTTP/1.1", b"Via: a", b"Via: b"),
    "a new name": start(b"GET / HTTP/1.1", b"X-New: b"),
    "a known name in another spelling": start(b"GET / HTTP/1.1", b"x-A: b"),
    "a length": start(b"GET / HTTP/1.1", b"Content-Length: 0"),
    "chunks": start(b"GET / HTTP/1.1", b"Transfer-Encoding: chunked"),
    "an expectation": start(b"GET / HTTP/1.1", b"Expect: 100-continue"),
    "an upgrade": start(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: h2c"),
    "TE": start(b"GET / HTTP/1.1", b"TE: trailers"),
    "Connection: close": start(b"GET / HTTP/1.1", b"Connection: close"),
    "Connection in another case": start(b"GET / HTTP/1.1", b"Connection: Keep-Alive"),
    "Connection that names a field": start(b"GET / HTTP/1.1", b"Connection: keep-alive, X-A"),
    "Proxy-Connection": start(b"GET / HTTP/1.1", b"Proxy-Connection: close"),
    "DPoP": start(b"GET / HTTP/1.1", b"DPoP: a.b.c"),
    "a look-alike": start(b"GET / HTTP/1.1", b"X_Forwarded_For: 192.0.2.1"),
    "a look-alike of a length": start(b"GET / HTTP/1.1", b"Content_Length: 5"),
    "an override": start(b"GET / HTTP/1.1", b"X-Http-Method-Override: DELETE"),
    "a body": start() + b"x",
    "a line end behind it": start() + b"\r\n",
    "another request behind it": start() + start(),
    "a line end before it": b"\r\n" + start(),
    "no end": start()[:-2],
    "POST": start(b"POST / HTTP/1.1"),
    "OPTIONS": start(b"OPTIONS / HTTP/1.1"),
    "a method in lower case": start(b"get / HTTP/1.1"),
    "HTTP/1.0": start(b"GET / HTTP/1.0"),
    "HTTP/1.2": start(b"GET / HTTP/1.2"),
    "no version": start(b"GET /"),
    "two blanks in the line": start(b"GET  / HTTP/1.1"),
    "a blank behind the line": start(b"GET / HTTP/1.1 "),
    "an absolute target": start(b"GET http://gateway.test/ HTTP/1.1"),
    "two slashes": start(b"GET //a.test/ HTTP/1.1"),
    "an asterisk": start(b"GET * HTTP/1.1"),
    "a fragment": start(b"GET /#a HTTP/1.1"),
    "a backslash": start(b"GET /\\..\\a HTTP/1.1"),
    "a target beyond ASCII": start(b"GET /\xc3\xa9 HTTP/1.1"),
    "a host never met": start().replace(b"gateway.test", b"new.test"),
    "no host": b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "nothing": b"",
    "line ends": b"\r\n\r\n",
    "too long": start(b"GET /" + b"a" * ROOMY.target_bytes + b" HTTP/1.1"),
    "too many fields": start(b"GET / HTTP/1.1", *[b"X-A: b"] * 200),
}


@pytest.mark.parametrize("data", PLAIN_REQUESTS)
def test_what_callers_mostly_send_is_plain(loop, data):
    """Else the properties above would hold of nothing."""
    assert agree(data, ROOMY, loop)


@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_what_has_more_than_one_reading_goes_to_the_parser(name):
    assert warm().read_plain(ODD_REQUESTS[name]) is None


@pytest.mark.parametrize("cut", range(1, len(PLAIN_REQUESTS[3])))
def test_a_part_of_a_head_goes_to_the_parser(cut):
    assert warm().read_plain(PLAIN_REQUESTS[3][:cut]) is None


@pytest.mark.parametrize("data", PLAIN_REQUESTS)
def test_a_reader_that_has_met_nothing_takes_nothing_for_plain(data):
    assert HeadReader(ROOMY).read_plain(data) is None


def test_names_that_were_forgotten_are_plain_no_longer(loop):
    """A name of every kind: what is known of one must go when the names go."""
    reader, data = warm(), PLAIN_REQUESTS[3]
    assert agree(data, ROOMY, loop, reader)
    reader._names.sort([(b"X-%d" % number, b"v") for number in range(600)])
    kinds = [start(b"GET / HTTP/1.1", line) for line in data.split(b"\r\n")[2:-2]]

    assert [reader.read_plain(each) for each in kinds] == [None] * len(kinds)


def test_the_fields_of_the_head_before_are_not_read_again(loop):
    """Whatever the reader has forgotten since: the parser would still make the same of them."""
    reader, more = warm(), b"Cookie: a=b"
    before = reader.read_plain(start(b"GET /a HTTP/1.1", more)).plain_fields
    reader._names.sort([(b"X-%d" % number, b"v") for number in range(600)])
    again = read_after(before, start(b"HEAD /b?c HTTP/1.1", more), ROOMY, loop, reader)

    assert again.plain_fields is before
    assert read_after(before, start(b"GET /a HTTP/1.1", more + b"c"), ROOMY, loop, reader) is None


def test_a_field_that_has_become_a_credential_is_one_in_known_fields_too():
    """A reload says so, and the connection goes on."""
    reader, data = warm(), start(b"GET / HTTP/1.1", b"X-A: secret")
    before = reader.read_plain(data)
    reader.go_on(ROOMY, frozenset({b"x-a"}))
    until_it_is_met = reader.read_plain(data, before.plain_fields)
    reader._names.sort([(b"Host", b"v"), (b"X-A", b"v")])
    head = reader.read_plain(data, before.plain_fields)

    assert (before.lines, until_it_is_met, head.lines) == ([b"X-A: secret"], None, [])
    assert head.special[b"x-a"] == b"secret"


@pytest.mark.parametrize(
    "line",
    [
        b"POST / HTTP/1.1",
        b"GET / HTTP/1.0",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET / / HTTP/1.1",
        b"GET //a HTTP/1.1",
        b"GET HTTP/1.1",
        b"GET  HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET http://a.test/ HTTP/1.1",
        b"GET / XHTTP/1.1",
        b" HTTP/1.1",
        b"HTTP/1.1",
        b"",
    ],
)
def test_known_fields_do_not_make_a_request_line_plain(line):
    reader = warm()
    before = reader.read_plain(start()).plain_fields

    assert reader.read_plain(start(line), before) is None


def test_a_long_block_of_fields_is_not_kept():
    """An idle connection would hold it."""
    reader, bare = warm(), len(start()) - len(b"GET / HTTP/1.1") + len(b"Cookie: ") + len(b"\r\n")
    most, more = (b"Cookie: " + b"a" * (KEPT_BYTES - bare + over) for over in (0, 1))

    assert reader.read_plain(start(b"GET / HTTP/1.1", most)).plain_fields is not None
    assert reader.read_plain(start(b"GET / HTTP/1.1", more)).plain_fields is None


def test_a_limit_of_the_header_holds_for_plain_heads(loop):
    narrow = Limits(headers=3)
    most, more = (start(b"GET / HTTP/1.1", *[b"X-A: b"] * count) for count in (2, 3))

    assert agree(more, narrow, loop) is False
    with pytest.raises(GatewayError):
        usual(more, narrow, loop)
    agree(most, narrow, loop)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────


def seen_of(reader):
    """What the rest of the gateway can see of an answer and of its connection."""
    answer = reader.answer
    return {
        "status": (answer.status, reader.status, answer.start, answer.body),
        "head": (
            answer.has_head,
            reader.has_head,
            list(answer.lines),
            dict(answer.special),
            list(answer.fields),
        ),
        "body": (b"".join(answer.chunks), reader.buffered_bytes, answer.is_complete),
        "informational": [(one.status, one.start, list(one.lines)) for one in reader.informational],
        "connection": (reader.is_reusable, reader.was_answered, type(reader.error), str(reader.error)),
    }


def fed(reader, parts, *, ends):
    """Feed the parts of an answer; what was seen after each, and after the end of the connection."""
    story = []
    for part in parts:
        reader.feed(part)
        story.append(seen_of(reader))
    if ends:
        reader.end_of_input(is_clean=True)
        story.append(seen_of(reader))
    return story


def parts_of(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def both(data, places, limits, *, is_head, ends=False, plain=None, parsed=None):
    """Read an answer in both ways, the parser's by giving it the first byte alone; tell how the plain one went."""
    plain, parsed = plain or AnswerReader(limits), parsed or AnswerReader(limits)
    for reader in (plain, parsed):
        reader.begin(is_head=is_head)
    parts = parts_of(data, places)
    story = fed(plain, parts, ends=ends)
    is_cut = bool(parts) and len(parts[0]) > 1
    usual_story = fed(parsed, [parts[0][:1], parts[0][1:], *parts[1:]] if is_cut else parts, ends=ends)
    assert story == usual_story[is_cut:]
    return plain, parsed


@pytest.fixture(autouse=True)
def names_are_met():
    ANSWER_NAMES.sort([(name, b"v") for name in near_plain.ANSWERS_MET])


@given(near_plain.answers(), near_plain.CUTS, st.sampled_from([ROOMY, NARROW]), st.booleans(), st.booleans())
@example(ok(b"hello"), [], ROOMY, False, False)
def test_an_answer_that_is_read_plainly_is_what_the_parser_makes_of_it(data, places, limits, is_head, ends):
    both(data, places, limits, is_head=is_head, ends=ends)


@given(st.lists(st.tuples(near_plain.answers(), near_plain.CUTS, st.booleans()), min_size=2, max_size=4))
def test_answers_in_a_row_on_one_connection_are_what_the_parser_makes_of_them(answers):
    """What the plain way leaves behind must be what the parser's next answer begins with."""
    plain, parsed = AnswerReader(ROOMY), AnswerReader(ROOMY)
    for data, places, is_head in answers:
        both(data, places, ROOMY, is_head=is_head, plain=plain, parsed=parsed)
        if not plain.is_reusable:
            return


@given(near_plain.answers(), near_plain.CHANGES, near_plain.CUTS)
@example(ok(b"hello"), ("replace", 7, b"0"), [])
def test_heads_that_are_nearly_the_one_before_are_what_the_parser_makes_of_them(data, change, places):
    plain, parsed = AnswerReader(ROOMY), AnswerReader(ROOMY)
    for each in (data, data, near_plain.changed(data, change), data):
        both(each, places if each != data else [], ROOMY, is_head=False, plain=plain, parsed=parsed)
        if not plain.is_reusable:
            return


LENGTHS = [b"0", b"1", b"5", b"05", b"12", b"+5", b"5 ", b" 5", b"", b"x", b"5, 5", b"9" * 15, b"9" * 16]
LENGTHS += [b"9" * 25, b"5\r\nX-A: b", b"5\r\n\r\n", b"5\n", b"\xb2"]


@given(near_plain.answers(), st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=4), near_plain.CUTS)
@example(ok(b"hello"), [b"12", b"5"], [])
@example(ok(b"hello", "Content-Length: 5"), [b"12", b"5"], [])
def test_heads_of_other_lengths_than_the_one_before_are_what_the_parser_makes_of_them(data, lengths, places):
    plain, parsed = AnswerReader(NARROW), AnswerReader(NARROW)
    for each in (None, *lengths, None):
        changed = (
            data if each is None else re.sub(rb"(?i)(?<=\r\ncontent-length: )[0-9]+", each, data, count=1)
        )
        both(changed, places, NARROW, is_head=False, plain=plain, parsed=parsed)
        if not plain.is_reusable:
            return


def test_a_head_of_another_length_is_not_read_again():
    plain, parsed = AnswerReader(ROOMY), AnswerReader(ROOMY)
    seen, special = [], []
    for body, more in [
        (b"one", "X-A: b"),
        (b"twelve bytes", "X-A: b"),
        (b"one", "X-A: b"),
        (b"one", "X-A: c"),
    ]:
        both(ok(body, more), [], ROOMY, is_head=False, plain=plain, parsed=parsed)
        seen.append(plain.answer.lines)
        special.append(plain.answer.special)

    assert [each is seen[0] for each in seen] == [True, True, True, False]
    assert [each[b"content-length"] for each in special] == [b"3", b"12", b"3", b"3"]  # one may be held yet


def test_a_head_that_grows_over_the_limit_by_its_length_is_too_large():
    bare = len(ok(b"", "X-A: "))
    head = f"X-A: {'a' * (NARROW.header_bytes - bare)}"
    plain, parsed = AnswerReader(NARROW), AnswerReader(NARROW)
    for body in (b"x" * 9, b"x" * 10):
        both(ok(body, head), [], NARROW, is_head=False, plain=plain, parsed=parsed)

    assert type(plain.error) is UpstreamAnswerTooLarge


def test_the_same_head_again_is_not_read_again():
    """Whatever names were forgotten since: the parser would still make the same of it."""
    plain, parsed = AnswerReader(ROOMY), AnswerReader(ROOMY)
    both(ok(b"one", "X-A: b"), [], ROOMY, is_head=False, plain=plain, parsed=parsed)
    lines = plain.answer.lines
    ANSWER_NAMES.sort([(b"X-%d" % number, b"v") for number in range(600)])
    both(ok(b"two", "X-A: b"), [], ROOMY, is_head=False, plain=plain, parsed=parsed)
    is_same = plain.answer.lines is lines
    both(ok(b"two", "X-A: c"), [], ROOMY, is_head=False, plain=plain, parsed=parsed)

    assert (is_same, plain.answer.lines[0][-1:]) == (True, b"c")


@pytest.mark.parametrize("is_head", [False, True])
def test_the_head_before_decides_nothing_about_a_response_to_head(is_head):
    """It has the head of another response, but no body."""
    plain, parsed = AnswerReader(ROOMY), AnswerReader(ROOMY)
    both(ok(b"one"), [], ROOMY, is_head=False, plain=plain, parsed=parsed)
    both(ok(b"one")[:-3] if is_head else ok(b"one"), [], ROOMY, is_head=is_head, plain=plain, parsed=parsed)

    assert plain.answer.is_complete


def needs_no_parser(data):
    """Whether a whole answer was read without one: then no byte of its head was counted."""
    reader = AnswerReader(ROOMY)
    reader.begin(is_head=False)
    reader.feed(data)
    return reader.has_head and reader._head_bytes == 0


@pytest.mark.parametrize(
    "data",
    [
        ok(),
        ok(b""),
        ok(b"x", "Connection: keep-alive"),
        ok(b"no", "ETag: 1", "Date: x", status="404 Not Found"),
        ok(b"x" * 40)[:-20],
    ],
)
def test_what_upstreams_mostly_answer_is_plain(data):
    assert needs_no_parser(data)


@pytest.mark.parametrize(
    "data",
    [
        ok(b"x", "Transfer-Encoding: chunked"),
        ok(b"x", "Content-Length: 1"),
        ok(b"x", "content-length: 2"),
        ok(b"x", "Connection: close"),
        ok(b"x", "Connection: X-A"),
        ok(b"x", "X-A:b"),
        ok(b"x", "X-A: "),
        ok(b"x", "X-A: b\n"),
        ok(b"x", "Upgrade: h2c"),
        ok(b"x", "Trailer: X-A"),
        ok(b"x", "Content_Length: 7"),
        ok(b"x") + b"y",
        ok(b"x") + b"\r\n",
        ok(b"x").replace(b"1.1", b"1.0"),
        ok(b"", status="204 No Content"),
        ok(b"", status="304 Not Modified"),
        ok(b"", status="101 Switching Protocols"),
        ok(b"x", status="200"),
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        ok(b"x")[:20],
    ],
)
def test_what_is_odd_in_an_answer_goes_to_the_parser(data):
    assert not needs_no_parser(data)


def test_the_plain_way_takes_a_request_that_the_usual_way_has_met(loop):
    """Through the parser, as a process learns names: what it refuses is never learned."""
    reader, data = HeadReader(ROOMY), request("GET", "/", "X-A: b", "Accept: */*")
    assert reader.read_plain(data) is None
    once = RequestReader(web.Server(lambda _: None, loop=loop), ROOMY, loop)
    once.data_received(data)
    message = once.only_message()
    reader.read(message.method, message.path, message.version, message.raw_headers)

    assert agree(data, ROOMY, loop, reader)
