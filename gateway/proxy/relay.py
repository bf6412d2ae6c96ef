"""The upstream's response on its way to the caller.

Rules: a response that has arrived completely is written at once; a longer one streams (`proxy.stream`). Every
body is framed anew. If the upstream's response breaks off, so does the caller's. RFC 9112 sections 6 to 9;
RFC 9110 section 6.5 for trailers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final

from gateway.core.http.answer_head import Body, SentHead, caller_body, dropped_names, is_event_stream
from gateway.proxy.call import Call
from gateway.proxy.outgoing.answer import Answer, Data, WholeAnswer
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.proxy.route import Route
from gateway.proxy.stream import Stream

_CHUNKED: Final = Body.CHUNKED  # looking up a member of an Enum is slow before Python 3.12
_LENGTH: Final = Body.LENGTH
_UNTIL_CLOSE: Final = Body.UNTIL_CLOSE
_HEAD_END: Final = b"\r\n\r\n"


def relay_at_once(call: Call, route: Route, upstream: UpstreamConnection | WholeAnswer) -> bool:
    """Relay the response in one write if it is complete; return whether it was."""
    answer = upstream.answer
    assert answer is not None
    if not answer.is_complete:
        return False
    body = answer.body
    if body is not _LENGTH:
        body = caller_body(body, is_http10=call.head.is_http10)
    if body is not _LENGTH or call.body is not None or call.facts.may_be_ending():
        _decide_keep_alive(call, body)
    length, head, chunks = upstream.buffered_bytes, _head(call, route, answer, body), upstream.take()
    if len(chunks) == 1 and body is not _CHUNKED:
        data = head + chunks[0]  # the usual case
    else:
        data = b"".join((head, *_framed(chunks, body), *_end(call, route, answer, body)))
    call.begin_answer(answer.status, data, length)
    return True


def _decide_keep_alive(call: Call, body: Body) -> None:
    is_early = call.body is not None and not call.payload.is_eof()
    if is_early or body is _UNTIL_CLOSE or (call.facts.may_be_ending() and call.link.is_ending):
        call.keeps_alive = False  # after an early response, nobody reads the rest of the request body


async def relay(call: Call, route: Route, upstream: UpstreamConnection | WholeAnswer) -> None:
    """Relay a response that is still arriving, from its head to its last byte.

    Raises:
        GatewayError: either side broke off or was too slow; the response to the caller has begun.
    """
    answer = upstream.answer
    assert answer is not None
    body = caller_body(answer.body, is_http10=call.head.is_http10)
    _decide_keep_alive(call, body)
    head = _head(call, route, answer, body)
    chunks = upstream.take() if answer.chunks else []
    length = sum(map(len, chunks))
    call.begin_answer(answer.status, b"".join((head, *_framed(chunks, body))), length)
    assert isinstance(upstream, UpstreamConnection)  # a response that is incomplete is on its connection
    idle_s = route.timeouts.idle_s
    if is_event_stream(answer.lines):
        idle_s = route.settings.tunnel.idle_s
        call.facts.total_deadline_s = inf
    await Stream(call, upstream, answer, idle_s, is_chunked=body is _CHUNKED).run()
    if end := _end(call, route, answer, body):
        call.link.write(b"".join(end))


def _head(call: Call, route: Route, answer: Answer, body: Body) -> bytes:
    """Format the status line, the fields that pass, and one framing field."""
    plain = answer.plain
    if plain is None or plain.lines is not answer.lines:
        return _formatted(call, route, answer, body)
    if not call.keeps_alive or call.answer_lines or call.head.is_http10:
        return _formatted(call, route, answer, body)
    sent = plain.sent
    if sent is not None and sent.settings is route.settings:
        return sent.start + answer.special[b"content-length"] + _HEAD_END
    head = _formatted(call, route, answer, body)
    if plain.is_repeated and route.formats_alike(plain.special):
        end_bytes = len(answer.special[b"content-length"] + _HEAD_END)
        plain.sent = SentHead(route.settings, head[:-end_bytes])
    return head


def _formatted(call: Call, route: Route, answer: Answer, body: Body) -> bytes:
    special, lines = answer.special, answer.lines
    if b"location" in special or b"content-location" in special or route.edits_cookies:
        lines = route.rewritten(lines, call.head, call.facts.caller, call.exchange)
    lines = route.answer_lines(lines, dropped_names(special), call.exchange)
    out = [answer.start, *lines]
    if call.answer_lines:
        out += call.answer_lines
    # RFC 9110 section 6.6.1: whoever forwards a response without a date adds one.
    if not route.leaves_date:
        out.append(b"Date: " + (special.get(b"date") or call.facts.date()))
    length = special.get(b"content-length")
    if body is _CHUNKED:
        out.append(b"Transfer-Encoding: chunked")
        out += _trailer_field(call, answer)
    elif length is not None and answer.status >= 200 and answer.status != 204:
        out.append(b"Content-Length: " + length)
    if not call.keeps_alive:
        out.append(b"Connection: close")
    elif call.head.is_http10:
        out.append(b"Connection: keep-alive")
    out.append(b"\r\n")
    return b"\r\n".join(out)


def _trailer_field(call: Call, answer: Answer) -> list[bytes]:
    """Pass `Trailer` only together with the trailers that it announces."""
    if call.head.wants_trailers and b"trailer" in answer.special:
        return [b"Trailer: " + answer.special[b"trailer"]]
    return []


def _framed(chunks: list[Data], body: Body) -> list[Data]:
    """Frame parts of a body (RFC 9112 section 7.1)."""
    if body is not _CHUNKED:
        return chunks
    out: list[Data] = []
    for chunk in chunks:
        out += [b"%x\r\n" % len(chunk), chunk, b"\r\n"]
    return out


def _end(call: Call, route: Route, answer: Answer, body: Body) -> list[bytes]:
    """End a chunked body, with trailers if the caller asked for them."""
    if body is not _CHUNKED:
        return []
    trailers: Sequence[bytes] = ()
    if answer.fields and call.head.wants_trailers:
        dropped = dropped_names(answer.special)
        trailers = route.without_removed(answer.trailers(), dropped, call.exchange)
    return [b"0\r\n", *(line + b"\r\n" for line in trailers), b"\r\n"]
