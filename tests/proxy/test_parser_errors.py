"""What aiohttp's request parser cannot read, in our own words: nothing of the request is quoted."""

import pytest
from aiohttp.http_exceptions import BadHttpMethod

from gateway.core.errors import (
    CallerError,
    HeadTooLarge,
    MalformedRequest,
    MethodUnsupported,
    TargetTooLong,
    VersionUnsupported,
)
from gateway.core.settings.all_settings import Limits
from gateway.proxy.parser_errors import refusal_of
from gateway.proxy.request_reader import read_alone

LIMITS = Limits(target_bytes=64, header_bytes=512, headers=4)
CANARY = b"hunter2"


async def refusal(data: bytes) -> CallerError:
    with pytest.raises(CallerError) as raised:
        await read_alone(data, LIMITS)
    return raised.value


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET /" + CANARY * 40 + b" HTTP/1.1\r\nHost: a\r\n\r\n", TargetTooLong),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + CANARY * 120 + b"\r\n\r\n", HeadTooLarge),
        (b"GET / HTTP/1.1\r\n" + b"X: hunter2\r\n" * 12 + b"\r\n", HeadTooLarge),
        (b"GET /hunter2 HTTP/9.9\r\nHost: a\r\n\r\n", VersionUnsupported),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VersionUnsupported),
        (b"HUNTER /hunter2 HTTP/1.1\r\nHost: a\r\n\r\n", MethodUnsupported),
        (b"HUNTER-TWO http://hunter2/ HTTP/1.1\r\nHost: a\r\n\r\n", MethodUnsupported),
        (b"hunter2 / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        (b"\x16\x03\x01\x02\x00hunter2\r\n\r\n", MalformedRequest),
        (b"GET / HTTP/1.1\r\nhunter2\r\n\r\n", MalformedRequest),
    ],
)
async def test_each_refusal_has_its_kind_and_quotes_nothing(data, kind):
    error = await refusal(data)
    assert type(error) is kind
    assert error.detail
    assert CANARY.decode() not in error.detail.lower()


@pytest.mark.parametrize(("is_first", "kind"), [(True, MethodUnsupported), (False, MalformedRequest)])
def test_a_method_is_only_unknown_where_a_request_begins(is_first, kind):
    """Behind a head that has begun, the same bytes are no request line."""
    error = BadHttpMethod("b'HUNTER / HTTP/1.1'")
    assert type(refusal_of(error, max_line_size=128, is_first=is_first)) is kind
