"""Cookies that a server sets for us (RFC 6265 section 5.2): the field's values in, name and value out.

Rules:

- A value is kept as it came, quotes included: it goes back byte for byte.
- ``Max-Age`` has precedence over ``Expires`` (section 5.3, step 3). What cannot be read counts as not stated.
- An empty value, or a life that is over, removes a cookie. Of several of one name the last counts.
- ``Domain``, ``Path``, ``Secure`` and the rest are ignored: who uses a cookie names it, and where it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.text.http_time import read_http_date

_SECONDS: Final = re.compile("-?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie as a server sets it.

    Attributes:
        lifetime_s: how long it lives, negative if it is over; None if not stated.
    """

    name: str
    value: str = field(repr=False)
    lifetime_s: float | None

    @property
    def removes(self) -> bool:
        """Whether it removes the cookie of its name."""
        return not self.value or (self.lifetime_s is not None and self.lifetime_s <= 0.0)


def read_set_cookie(text: str, server_now_s: float) -> SetCookie | None:
    """Read one value of ``Set-Cookie``, or return None if it has no name."""
    pair, *attributes = text.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        return None
    parts = (each.partition("=") for each in attributes)
    stated = {key.strip().lower(): rest.strip() for key, _, rest in parts}
    return SetCookie(name.strip(), value.strip(), _lifetime_s(stated, server_now_s))


def cookies_set(values: Iterable[str], server_now_s: float) -> dict[str, SetCookie]:
    """Return the cookies that an answer leaves, by name."""
    cookies: dict[str, SetCookie] = {}
    for text in values:
        cookie = read_set_cookie(text, server_now_s)
        if cookie is not None and cookie.removes:
            cookies.pop(cookie.name, None)
        elif cookie is not None:
            cookies[cookie.name] = cookie
    return cookies


def _lifetime_s(stated: dict[str, str], server_now_s: float) -> float | None:
    seconds = stated.get("max-age", "")
    if _SECONDS.fullmatch(seconds):
        return float(seconds)
    ends_s = read_http_date(stated.get("expires", ""))
    return None if ends_s is None else ends_s - server_now_s
