"""Times of the week at which a rule lets callers in: ``Mon-Fri 08:00-18:00``.

Rules:

- What counts is the clock on the wall of the time zone. Where that is set back at the end of summer, the hour
  that comes twice counts twice; where it is set forward, the hour that is left out never comes.
- The end does not belong to it. One that is not after the beginning lies on the next day: ``Fri 22:00-06:00``
  is Friday's night. ``24:00`` is the end of the day.
- Days may wrap around: ``Fri-Mon``. Without days it is every day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXPECTED: Final = "expected days and a time, such as Mon-Fri 08:00-18:00, Sat 09:00-12:30 or 22:00-06:00"
PATTERN: Final = (
    r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun)(-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))? )?"
    r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
)
_FORM: Final = re.compile(
    r"(?:(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))? )?(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)",
    re.ASCII,
)
_DAY: Final = 24 * 60
_WEEK: Final = 7 * _DAY


class BadHours(ValueError):
    """A text says no times of the week; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of the week.

    Attributes:
        texts: as they were written.
        zone: the name of the time zone (IANA), such as Europe/Berlin.
        spans: begin and end of each, in minutes since Monday, 00:00; the end may lie in the next week.
    """

    texts: tuple[str, ...]
    zone: str
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, texts: tuple[str, ...], zone: str) -> Hours:
        """Read them.

        Raises:
            BadHours: one of them says no times.
        """
        return cls(texts, zone, tuple(span for text in texts for span in _spans(text)))

    def include(self, local: datetime) -> bool:
        """Whether an instant, by the clock of the zone, is one of them."""
        minute = local.weekday() * _DAY + local.hour * 60 + local.minute
        return any(begin <= minute < end or minute + _WEEK < end for begin, end in self.spans)

    def __str__(self) -> str:
        return f"{' or '.join(self.texts)} {self.zone}"


def read_hours(text: str) -> str:
    """Return a text that says times of the week.

    Raises:
        BadHours: it does not.
    """
    _spans(text)
    return text


def _spans(text: str) -> list[tuple[int, int]]:
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadHours(EXPECTED)
    begin, end = _minute(found["begin"]), _minute(found["end"])
    if begin == _DAY:
        raise BadHours("begins at the end of the day: write 00:00, and the next day")
    if begin == end:
        raise BadHours("begins when it ends: write 00:00-24:00 for the whole day")
    length = end - begin if end > begin else end + _DAY - begin
    return [(day * _DAY + begin, day * _DAY + begin + length) for day in _days(found["first"], found["last"])]


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute > 59 or hour * 60 + minute > _DAY:
        raise BadHours(EXPECTED)
    return hour * 60 + minute


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    begin, end = _day(first), _day(last or first)
    return [(begin + number) % 7 for number in range((end - begin) % 7 + 1)]


def _day(name: str) -> int:
    if name not in DAYS:
        raise BadHours(EXPECTED)
    return DAYS.index(name)
