"""Times and sizes: a number with a unit.

Rules: a duration always has a unit (``500ms``, ``30s``, ``5m``, ``1h``); a size may be a plain number of
bytes (``64KiB``, ``1MiB``, ``4096``). Both are positive and bounded.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.config.problems import Wrong
from gateway.core.settings.login_settings import LoginPace

DURATION_PATTERN: Final = r"[0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h)"
SIZE_PATTERN: Final = r"[0-9]{1,15}(B|KiB|MiB|GiB)"
LONGEST_S: Final = 24 * 3600.0
PACE_PATTERN: Final = r"[1-9][0-9]{0,3}/([1-9][0-9]{0,2})?(s|m|h)"
RATE_PATTERN: Final = r"[1-9][0-9]{0,6}/([1-9][0-9]{0,2})?(s|m|h)"
MOST_WORKERS: Final = 128
TOKEN: Final = "token"
_KIB: Final = 1024
LARGEST_BYTES: Final = 1024 * _KIB**3

PERCENT_PATTERN: Final = r"[0-9]{1,3}%"
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")
_DURATION: Final = re.compile(r"(?P<amount>[0-9]{1,9}(?:\.[0-9]{1,3})?)(?P<unit>ms|s|m|h)")
_SIZE: Final = re.compile(r"(?P<amount>[0-9]{1,15})(?P<unit>B|KiB|MiB|GiB)")
_PACE: Final = re.compile(r"(?P<count>[1-9][0-9]{0,3})/(?P<amount>[1-9][0-9]{0,2})?(?P<unit>s|m|h)")
_RATE: Final = re.compile(r"(?P<count>[1-9][0-9]{0,6})/(?P<amount>[1-9][0-9]{0,2})?(?P<unit>s|m|h)")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600}
_UNIT_BYTES: Final = {"B": 1, "KiB": _KIB, "MiB": _KIB**2, "GiB": _KIB**3}


def duration_s(value: object) -> float:
    """Read a duration as seconds.

    Raises:
        Wrong: it is no duration, or not between 1 ms and 24 h.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Wrong("a duration needs a unit: write 30s for thirty seconds, or 500ms, 5m, 1h")
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("expected a duration such as 500ms, 30s, 5m or 1h")
    amount = float(found["amount"])
    seconds = amount / 1000 if found["unit"] == "ms" else amount * _UNIT_S[found["unit"]]
    if not 0.001 <= seconds <= LONGEST_S:
        raise Wrong("expected a duration from 1ms to 24h")
    return seconds


def share(value: object) -> float:
    """Read a share, as ``20%``.

    Raises:
        Wrong: it is none, or not from 1% to 100%.
    """
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[1]) <= 100:
        raise Wrong("expected a share from 1% to 100%, such as 20%")
    return int(found[1]) / 100


def login_pace(value: object) -> LoginPace:
    """Read how many logins there may be within a time.

    Raises:
        Wrong: it is no such number.
    """
    found = _PACE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("expected a number of logins and a time, such as 6/m for six in any minute, or 10/5m")
    return LoginPace(int(found["count"]), float(found["amount"] or 1) * _UNIT_S[found["unit"]])


def tunnel_age(value: object) -> float | str:
    """Read how old a tunnel may become: a duration in seconds, or ``token``.

    Raises:
        Wrong: it is neither.
    """
    return TOKEN if value == TOKEN else duration_s(value)


def request_rate(value: object) -> tuple[int, float]:
    """Read how many requests there may be within a time, in seconds.

    Raises:
        Wrong: it is no such number.
    """
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("expected a number of requests and a time, such as 100/m, 5/s or 1000/24h")
    return int(found["count"]), float(found["amount"] or 1) * _UNIT_S[found["unit"]]


def size_bytes(value: object, at_most: int = LARGEST_BYTES) -> int:
    """Read a size as bytes.

    Raises:
        Wrong: it is no size, or not between 1 and `at_most`.
    """
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        size = int(found["amount"]) * _UNIT_BYTES[found["unit"]]
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        raise Wrong("expected a size such as 64KiB, 10MiB or 1GiB, or a number of bytes")
    if not 1 <= size <= at_most:
        raise Wrong(f"expected a size from 1B to {written(at_most)}")
    return size


def workers(value: object) -> int | None:
    """Read a number of workers; None: as many as there is processor time for.

    Raises:
        Wrong: it is neither a number within bounds nor ``auto``.
    """
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_WORKERS:
        return value
    raise Wrong(f"expected a number of processes from 1 to {MOST_WORKERS}, or auto")


def written(size: int) -> str:
    """Write a size in its largest whole unit."""
    unit = next(name for name in reversed(_UNIT_BYTES) if size % _UNIT_BYTES[name] == 0)
    return f"{size // _UNIT_BYTES[unit]}{unit}"
