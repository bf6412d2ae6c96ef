"""The head of an upstream's answer, as it goes to the caller.

Rules: hop-by-hop fields end here; one framing field, written here; a body that the caller's version
cannot frame ends with the connection. RFC 9110 sections 6.4.1, 7.6.1, 15.2; RFC 9112 section 6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, TypeAlias

from gateway.core.errors import UpstreamAnswerInvalid
from gateway.core.http.fields import folded, options
from gateway.core.http.plain_head import PlainFieldNames, plain_lines

# Never copied from an answer as it is: hop-by-hop, framing, and what the gateway adds where it is missing.
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
# What a head may hold that is read without a parser (`plain_head`): its length says where the body ends.
_PLAIN: Final = frozenset({b"connection", b"content-length", b"date", b"keep-alive"})
_PLAIN_LENGTH_DIGITS: Final = 15
_BODILESS: Final = frozenset({b"204", b"304"})
ANSWER_NAMES: Final = PlainFieldNames(ANSWER_SPECIAL, _PLAIN)
"""What is known of the names in answers of all upstreams."""
PlainAnswer: TypeAlias = tuple[int, bytes, int, list[bytes], dict[bytes, bytes]]
"""Status, reason, length of the body, lines that pass, special fields."""
# A trailer of these names would change how a message is read (RFC 9110 section 6.5.1).
_NO_TRAILERS: Final = ANSWER_SPECIAL | {
    b"authorization",
    b"dpop-nonce",
    b"host",
    b"set-cookie",
    b"via",
    b"www-authenticate",
}


class Body(Enum):
    """How the end of a body is known (RFC 9112 section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until_close"


_LENGTH: Final = Body.LENGTH  # the attribute of an Enum is a slow look-up before Python 3.12


def has_no_body(status: int, *, is_head: bool) -> bool:
    """Tell whether an answer ends with its head, whatever its fields say."""
    return is_head or status in (204, 304) or status < 200


def upstream_body(status: int, special: Mapping[bytes, bytes], *, is_head: bool, is_11: bool = True) -> Body:
    """Decide how the upstream's body ends; only HTTP/1.1 knows transfer codings.

    Raises:
        UpstreamAnswerInvalid: a transfer coding that would have to be undone, or no single length.
    """
    coding = special.get(b"transfer-encoding")
    length = special.get(b"content-length")
    if coding is None and length is not None and status == 200 and not is_head and length.isdigit():
        return _LENGTH  # as it mostly is
    # The blanks behind a value, which RFC 9110 section 5.5 allows, are left to us by httptools.
    coding = coding.strip(b" \t") if coding is not None else None
    length = length.strip(b" \t") if length is not None else None
    if coding is not None and coding.lower() != b"chunked":
        raise UpstreamAnswerInvalid("the upstream used a transfer coding other than chunked")
    if coding is not None and not is_11:
        raise UpstreamAnswerInvalid("the upstream used a transfer coding in HTTP/1.0")  # RFC 9112 section 6.1
    if length is not None and (coding is not None or not length.isdigit()):
        raise UpstreamAnswerInvalid("the upstream's framing has more than one reading")
    if has_no_body(status, is_head=is_head):
        return Body.NONE
    if coding is not None:
        return Body.CHUNKED
    return Body.LENGTH if length is not None else Body.UNTIL_CLOSE


def read_plain_answer(head: bytes, most_fields: int) -> PlainAnswer | None:
    """Read the whole head of an answer that has one reading; None: a parser must.

    It is final, has a length, and comes on a connection that is kept; the request was no HEAD.
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
    return int(digits), first[13:], int(length), fields[0], special


def caller_body(body: Body, *, is_http10: bool) -> Body:
    """Decide how the body's end is told to the caller: an HTTP/1.0 caller knows no chunks."""
    if body is _LENGTH:
        return body
    if body is Body.UNTIL_CLOSE and not is_http10:
        return Body.CHUNKED
    if body is Body.CHUNKED and is_http10:
        return Body.UNTIL_CLOSE
    return body


_NOTHING: Final[frozenset[bytes]] = frozenset()


def dropped_names(special: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """Give the fields that the upstream's ``Connection`` lists beyond the known ones."""
    listed = special.get(b"connection")
    if listed is None or listed == b"keep-alive" or listed == b"close":  # noqa: PLR1714 - as they mostly are
        return _NOTHING
    return frozenset(map(folded, options(listed) - ANSWER_SPECIAL - {b"close"}))


def may_be_trailer(name: bytes) -> bool:
    """Tell whether a trailer field of this name is passed on."""
    return folded(name) not in _NO_TRAILERS


def challenges(lines: Iterable[bytes]) -> list[bytes]:
    """Give the values of ``WWW-Authenticate`` among the lines of an answer's head."""
    return [line[17:].strip() for line in lines if line[:17].lower() == b"www-authenticate:"]


def has_control(reason: bytes) -> bool:
    """Tell whether a reason phrase holds what RFC 9112 section 4 does not allow in it."""
    return any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in reason)
