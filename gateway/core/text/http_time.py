"""Instants and delays in header fields: ``Date`` and ``Retry-After`` (RFC 9110 sections 5.6.7, 10.2.3).

What cannot be read is None, never an exception: another server wrote it. What the gateway writes is needed
for most responses, and changes once a second.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER_S: Final = 5 * 60.0
"""Longer delays are cut: an hour written by mistake must not outlast its correction."""

_MAX_DIGITS: Final = 9
_LONGEST_DATE: Final = 64


class HttpDate:
    """Write instants as ``Date`` has them, each second once."""

    __slots__ = ("_second", "_written")

    def __init__(self) -> None:
        self._second = -1
        self._written = b""

    def at(self, wall_s: float) -> bytes:
        """Return `wall_s`, seconds since 1970, as an IMF-fixdate; the hot path."""
        second = int(wall_s)
        if second != self._second:
            self._second = second
            self._written = formatdate(second, usegmt=True).encode("ascii")
        return self._written


def read_http_date(text: str) -> float | None:
    """Return an HTTP-date, in any of its three forms, as seconds since 1970."""
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def read_retry_after(text: str, wall_now_s: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, from 0 to `MAX_RETRY_AFTER_S`."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_MAX_DIGITS]), MAX_RETRY_AFTER_S)
    date_s = read_http_date(text)
    return None if date_s is None else min(max(0.0, date_s - wall_now_s), MAX_RETRY_AFTER_S)
