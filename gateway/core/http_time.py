"""Instants and delays in header fields: ``Date`` and ``Retry-After`` (RFC 9110 sections 5.6.7, 10.2.3).

What cannot be read is None, never an exception: another server wrote it.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER_S: Final = 5 * 60.0
"""Longer requests for rest are cut: an hour's pause written by mistake must not outlive its repair."""

_MAX_DIGITS: Final = 9
_LONGEST_DATE: Final = 64


def read_http_date(text: str) -> float | None:
    """Give seconds since 1970 for an HTTP-date, in any of its three forms."""
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def read_retry_after(text: str, wall_now_s: float) -> float | None:
    """Give the seconds that ``Retry-After`` asks for, from 0 to `MAX_RETRY_AFTER_S`."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_MAX_DIGITS]), MAX_RETRY_AFTER_S)
    date_s = read_http_date(text)
    return None if date_s is None else min(max(0.0, date_s - wall_now_s), MAX_RETRY_AFTER_S)
