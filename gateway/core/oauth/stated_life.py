"""Lifetimes as services of any kind state them: a text and its unit in, seconds left out.

Rules:

- A duration is a number of the given unit; the number may be written as a text.
- An instant is a number since 1970, in seconds or, from 10^11 on, in milliseconds (in seconds that would be
  the year 5138); an RFC 3339 or ISO 8601 time; an HTTP-date; or ``/Date(1700000000000)/``, as ASP.NET has it.
- What would be an instant before September 2001 is a duration, or a mistake, and counts as not stated.
- A time without an offset from UTC could be anybody's local time, so it counts as not stated. So does all
  that cannot be read.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from gateway.core.oauth.lifetime import read_expires_in
from gateway.core.settings.whereabouts import LifeUnit
from gateway.core.text.http_time import read_http_date

_EARLIEST_S: Final = 1e9
_MILLISECONDS_FROM: Final = 1e11
_LONGEST_TIME: Final = 64
_ASP_NET: Final = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")


_IN_S: Final = {
    LifeUnit.MILLISECONDS: 0.001,
    LifeUnit.SECONDS: 1.0,
    LifeUnit.MINUTES: 60.0,
    LifeUnit.HOURS: 3600.0,
}


def read_life_s(text: str, unit: LifeUnit, server_now_s: float) -> float | None:
    """Return the seconds left from `server_now_s`, negative if over; None if nothing can be read."""
    text = text.strip()
    if unit is LifeUnit.INSTANT:
        ends_s = _instant_s(text)
        return None if ends_s is None or ends_s < _EARLIEST_S else ends_s - server_now_s
    amount = read_expires_in(text)
    return None if amount is None else amount * _IN_S[unit]


def _instant_s(text: str) -> float | None:
    found = _ASP_NET.fullmatch(text)
    if found is not None:
        return float(found[1]) / 1000
    number = read_expires_in(text)
    if number is not None:
        return number / 1000 if number >= _MILLISECONDS_FROM else number
    return _iso_time_s(text) if text[:4].isdigit() else read_http_date(text)


def _iso_time_s(text: str) -> float | None:
    try:
        instant = datetime.fromisoformat(text) if len(text) <= _LONGEST_TIME else None
        return None if instant is None or instant.tzinfo is None else instant.timestamp()
    except (ValueError, OverflowError):
        return None
