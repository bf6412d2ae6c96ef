"""The errors of aiohttp's request parser, in our own words: its texts quote the request."""

from __future__ import annotations

import re
from typing import Final

from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong

from gateway.core.errors import (
    CallerError,
    HeadTooLarge,
    MalformedRequest,
    MethodUnsupported,
    TargetTooLong,
    VersionUnsupported,
)

# A request line with a method that may exist, as the parser's message quotes it; only refusals depend on it.
_METHOD: Final = re.compile(r"""b['"][A-Z][A-Z-]{0,31} (/|\*|https?:)""")


def refusal_of(error: HttpProcessingError, *, max_line_size: int, is_first: bool) -> CallerError:
    """Return the refusal for what the parser could not read.

    Args:
        error: the parser's exception.
        max_line_size: the limit of a request line that the parser was given; tells lines from fields.
        is_first: nothing of the request had been read before, so the error may be about its request line.
    """
    if is_first and isinstance(error, BadHttpMethod) and _METHOD.search(error.message):
        return MethodUnsupported("the method is unknown")
    if isinstance(error, LineTooLong):
        if max_line_size in error.args:
            return TargetTooLong("the request target is too long")
        return HeadTooLarge("a header field is too long")
    if "Too many headers" in error.message:
        return HeadTooLarge("the header has too many fields")
    if "HTTP version" in error.message or "PRI/Upgrade" in error.message:
        return VersionUnsupported("the request is neither HTTP/1.0 nor HTTP/1.1")
    return MalformedRequest("the bytes are not an HTTP/1.x request")
