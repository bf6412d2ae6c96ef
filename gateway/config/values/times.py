"""Times of the week, and the zones that they are in."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gateway.config.problems import Wrong
from gateway.core.settings.hours import BadHours, read_hours


def week_hours(value: str) -> str:
    """Accept times of the week.

    Raises:
        Wrong: it says none.
    """
    try:
        return read_hours(value)
    except BadHours as bad:
        raise Wrong(str(bad)) from None


def zone(value: str) -> str:
    """Accept the name of a time zone that this machine knows.

    Raises:
        Wrong: it knows none of that name.
    """
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):
        raise Wrong("no such time zone here: expected a name such as Europe/Berlin, or UTC") from None
    return value
