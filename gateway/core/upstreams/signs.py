"""What the end of an exchange says of the address that served it.

Rules: what the address cannot help says nothing: a caller that left, a file of ours, a total time of the
route, a forward proxy that fails. One that says that it cannot reach the address does say something of it;
one that says nothing in time may be the reason itself, so requests do not count that against the address. Any
response but 502, 503 and 504 says that the address is well. A 401 or a 403 is about our credential, a 500
about the request. A connection that died while it was idle is the way of HTTP (RFC 9112 section 9.3.1), and
says nothing either.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from gateway.core.errors import (
    GatewayError,
    RouteFileUnusable,
    RouteTimeout,
    UpstreamAnswerIncomplete,
    UpstreamAnswerInvalid,
    UpstreamAnswerTooLarge,
    UpstreamClosed,
    UpstreamConnectTimeout,
    UpstreamError,
    UpstreamProxyFailed,
    UpstreamProxyLeadsNowhere,
    UpstreamTimeout,
)

SICK: Final = frozenset((502, 503, 504))
"""Statuses that an address answers with when it cannot serve at the moment."""


class Sign(Enum):
    """What an exchange says of its address."""

    NOTHING = "nothing"
    WELL = "well"
    CONNECT = "connect"
    RESET = "reset"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    STATUS_502 = "502"
    STATUS_503 = "503"
    STATUS_504 = "504"

    @property
    def is_failure(self) -> bool:
        """Whether the address failed."""
        return self not in _GOOD


_GOOD: Final = frozenset((Sign.NOTHING, Sign.WELL))
FAILURES: Final = tuple(sign for sign in Sign if sign.is_failure)
_OF_ERRORS: Final[tuple[tuple[type[UpstreamError], Sign], ...]] = (
    (RouteFileUnusable, Sign.NOTHING),
    (RouteTimeout, Sign.NOTHING),
    (UpstreamClosed, Sign.RESET),
    (UpstreamAnswerIncomplete, Sign.RESET),
    (UpstreamConnectTimeout, Sign.TIMEOUT),
    (UpstreamTimeout, Sign.TIMEOUT),
    (UpstreamAnswerInvalid, Sign.MALFORMED),
    (UpstreamAnswerTooLarge, Sign.MALFORMED),
    (UpstreamProxyLeadsNowhere, Sign.CONNECT),
    (UpstreamProxyFailed, Sign.NOTHING),
    (UpstreamError, Sign.CONNECT),
)


def sign_of_error(error: GatewayError) -> Sign:
    """Return what an error says."""
    return next((sign for kind, sign in _OF_ERRORS if isinstance(error, kind)), Sign.NOTHING)


def sign_of(status: int, error: GatewayError | None, *, was_heard: bool, was_used: bool) -> Sign:
    """Return what an exchange says.

    Args:
        status: of the response; 0 if its head is not complete.
        error: what ended the exchange, if anything did.
        was_heard: a byte of a response arrived.
        was_used: its connection had served another exchange before.
    """
    if error is not None:
        died_idle = was_used and not was_heard and isinstance(error, UpstreamClosed)
        return Sign.NOTHING if died_idle else sign_of_error(error)
    if status in SICK:
        return Sign(str(status))
    return Sign.WELL if status else Sign.NOTHING
