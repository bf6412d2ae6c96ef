"""The head of an upstream's response, and how it goes to the caller.

Rules: hop-by-hop fields end here. The gateway writes the one framing field itself. A body that the caller's
version of HTTP cannot frame ends with the connection. RFC 9110 sections 6.4.1, 7.6.1, 15.2; RFC 9112
section 6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from gateway.core.errors import UpstreamAnswerInvalid
from gateway.core.http.fields import folded, options
from gateway.core.http.plain_head import PlainFieldNames, plain_lines

# Never copied unchanged from a response: hop-by-hop, framing, and what the gateway adds if it is missing.
ANSWER_SPECIAL: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Allowed in a head that is read without a parser (`plain_head`); a length says where the body ends.
_PLAIN: Final = frozenset({b"connection", b"content-length", b"date", b"keep-alive"})
_PLAIN_LENGTH_DIGITS: Final = 15
_LENGTH_FIELD: Final = b"\r\ncontent-length: "
_BODILESS: Final = frozenset({b"204", b"304"})
# They pass, and may lead past the gateway (`core.http.rewriting`).
_LEADING: Final = frozenset({b"content-location", b"location"})
ANSWER_NAMES: Final = PlainFieldNames(ANSWER_SPECIAL, _PLAIN, noted=_LEADING)
"""The field names seen in responses, shared by all upstreams."""
# Trailers with these names would change how a message is read (RFC 9110 section 6.5.1).
_NO_TRAILERS: Final = ANSWER_SPECIAL | {
    b"authorization",
    b"dpop-nonce",
    b"host",
    b"set-cookie",
    b"via",
    b"www-authenticate",
}


class Body(Enum):
    """What marks the end of a body (RFC 9112 section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until_close"


_LENGTH: Final = Body.LENGTH  # looking up a member of an Enum is slow before Python 3.12


class SentHead:
    """What callers get of the head of a plain response; it depends on nothing else.

    Attributes:
        settings: those of the route.
        start: the head up to the value of its last field, ``Content-Length``.
    """

    __slots__ = ("settings", "start")

    def __init__(self, settings: object, start: bytes) -> None:
        self.settings = settings
        self.start = start


class PlainAnswer:
    """The head of a plain response; it does not change. Others may differ from it in their length alone.

    Attributes:
        before, after: its bytes up to the value of ``Content-Length``, and those that follow that.
        block: all of its bytes.
        digits, length: that value, and the length of the body.
        status: as a number.
        start: the status line.
        lines, special: those of `ANSWER_NAMES.sort`.
        is_repeated: more than one response of the connection had it, or one of another length.
        sent: what was made of it for the last of these.
    """

    __slots__ = (
        "after",
        "before",
        "block",
        "digits",
        "is_repeated",
        "length",
        "lines",
        "sent",
        "special",
        "start",
        "status",
    )

    def __init__(
        self, before: bytes, after: bytes, start: bytes, lines: list[bytes], special: dict[bytes, bytes]
    ) -> None:
        self.before = before
        self.after = after
        self.digits = digits = special[b"content-length"]
        self.block = before + digits + after
        self.length = int(digits)
        self.status = int(start[9:12])
        self.start = start
        self.lines = lines
        self.special = special
        self.is_repeated = False
        self.sent: SentHead | None = None

    def digits_in(self, data: bytes) -> bytes:
        """Return the value of ``Content-Length`` in `data`, if that begins with this head but for it.

        Empty: `data` has another head.
        """
        if not data.startswith(self.before):
            return b""
        at = len(self.before)
        end = data.find(b"\r\n", at)
        if end < at or not data.startswith(self.after, end):
            return b""
        digits = data[at:end]
        return digits if digits.isdigit() and len(digits) <= _PLAIN_LENGTH_DIGITS else b""


def has_no_body(status: int, *, is_head: bool) -> bool:
    """Whether a response ends with its head, whatever its fields say."""
    return is_head or status in (204, 304) or status < 200


def upstream_body(status: int, special: Mapping[bytes, bytes], *, is_head: bool, is_11: bool = True) -> Body:
    """Decide how the upstream's body ends; transfer codings exist only in HTTP/1.1.

    Raises:
        UpstreamAnswerInvalid: it has a transfer coding other than chunked, or its length is ambiguous.
    """
    coding = special.get(b"transfer-encoding")
    length = special.get(b"content-length")
    if coding is None and length is not None and status == 200 and not is_head and length.isdigit():
        return _LENGTH  # the usual case
    # httptools leaves white space after a value, which RFC 9110 section 5.5 allows, for us to remove.
    coding = coding.strip(b" \t") if coding is not None else None
    length = length.strip(b" \t") if length is not None else None
    if coding is not None and coding.lower() != b"chunked":
        raise UpstreamAnswerInvalid("the upstream used a transfer coding other than chunked")
    if coding is not None and not is_11:
        raise UpstreamAnswerInvalid("the upstream used a transfer coding in HTTP/1.0")  # RFC 9112 section 6.1
    if length is not None and (coding is not None or not length.isdigit()):
        raise UpstreamAnswerInvalid("the upstream's framing is ambiguous")
    if has_no_body(status, is_head=is_head):
        return Body.NONE
    if coding is not None:
        return Body.CHUNKED
    return Body.LENGTH if length is not None else Body.UNTIL_CLOSE


def read_plain_answer(head: bytes, most_fields: int) -> PlainAnswer | None:
    """Read the complete head of a response if it is plain (`plain_head`); None if a parser must read it.

    A plain response is final, has a length, keeps its connection, and does not answer a HEAD.
    """
    lines = plain_lines(head) if head[:9] == b"HTTP/1.1 " else None
    if lines is None or len(lines) > most_fields:
        return None
    first = lines[0]
    digits = first[9:12]
    if first[12:13] != b" " or not digits.isdigit() or digits < b"200" or digits in _BODILESS:
        return None
    del lines[0]
    fields = ANSWER_NAMES.sort_plain(lines)
    if fields is None:
        return None
    special = fields[1]
    length = special.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _PLAIN_LENGTH_DIGITS:
        return None
    if special.get(b"connection", b"keep-alive") != b"keep-alive":
        return None
    at = head.lower().find(_LENGTH_FIELD) + len(_LENGTH_FIELD)  # there is one, at the beginning of a line
    return PlainAnswer(head[:at], head[at + len(length) :], first, fields[0], special)


def caller_body(body: Body, *, is_http10: bool) -> Body:
    """Decide how to mark the body's end for the caller: HTTP/1.0 has no chunks."""
    if body is _LENGTH:
        return body
    if body is Body.UNTIL_CLOSE and not is_http10:
        return Body.CHUNKED
    if body is Body.CHUNKED and is_http10:
        return Body.UNTIL_CLOSE
    return body


_NOTHING: Final[frozenset[bytes]] = frozenset()


def dropped_names(special: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """Return the names that the upstream's ``Connection`` lists beyond the known ones, folded."""
    listed = special.get(b"connection")
    if listed is None or listed == b"keep-alive" or listed == b"close":  # noqa: PLR1714 - no tuple
        return _NOTHING
    return frozenset(map(folded, options(listed) - ANSWER_SPECIAL - {b"close"}))


def may_be_trailer(name: bytes) -> bool:
    """Whether a trailer field with this name is passed on."""
    return folded(name) not in _NO_TRAILERS


def challenges(lines: Iterable[bytes]) -> list[bytes]:
    """Return the values of ``WWW-Authenticate`` among the lines of a response's head."""
    return [line[17:].strip() for line in lines if line[:17].lower() == b"www-authenticate:"]


def is_event_stream(lines: Iterable[bytes]) -> bool:
    """Whether a response goes on for as long as its reader likes (server-sent events, HTML standard)."""
    return any(line[:31].lower() == b"content-type: text/event-stream" for line in lines)


def has_control(reason: bytes) -> bool:
    """Whether a reason phrase contains control characters, which RFC 9112 section 4 forbids."""
    return any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in reason)
