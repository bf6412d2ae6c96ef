"""Ids for requests that come without one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import count


def request_ids() -> Callable[[], bytes]:
    """Return a maker of ids that no other process makes: a random prefix and a count."""
    prefix = secrets.token_hex(6).encode("ascii")
    numbers = count(1)
    return lambda: b"%b-%x" % (prefix, next(numbers))
