"""The cookies of one login: what its steps set, kept and sent back as a browser would (RFC 6265 section 5).

Rules:

- A cookie goes back to the origin that set it, and to no other, whatever its ``Domain`` and ``Path`` say: a
  login has few steps, and its owner wrote their URLs.
- A cookie that an answer removes is dropped.
- A value goes back byte for byte, quotes included. One that cannot be sent is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.oauth.set_cookie import SetCookie
from gateway.core.secret import Secret

MOST_COOKIES: Final = 50  # as many as a browser keeps for one site
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VALUE: Final = re.compile(r"[\x21-\x3a\x3c-\x7e]([\x20-\x3a\x3c-\x7e]*[\x21-\x3a\x3c-\x7e])?")


@dataclass(frozen=True, slots=True)
class LoginJar:
    """The cookies that the steps of one login have set so far, by origin."""

    kept: tuple[tuple[str, str, Secret], ...] = field(default=(), repr=False)

    def after(self, origin: str, cookies: Iterable[SetCookie]) -> LoginJar:
        """Return the jar after an answer from `origin`, with all cookies that it sets or removes."""
        kept = {(at, name): value for at, name, value in self.kept}
        for cookie in cookies:
            kept.pop((origin, cookie.name), None)
            if not cookie.removes and can_be_sent(cookie.name, cookie.value):
                kept[origin, cookie.name] = Secret(cookie.value)
        newest = list(kept.items())[-MOST_COOKIES:]
        return LoginJar(tuple((at, name, value) for (at, name), value in newest))

    def cookies(self, origin: str) -> dict[str, Secret]:
        """Return the cookies for a request to `origin`, by name."""
        return {name: value for at, name, value in self.kept if at == origin}


def can_be_sent(name: str, value: str) -> bool:
    """Whether a cookie can be sent: browsers take more than RFC 6265 allows, but no ``;``, no controls."""
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None


def cookie_field(cookies: dict[str, Secret]) -> str:
    """Return the value of ``Cookie``, or an empty text."""
    return "; ".join(f"{name}={value.reveal()}" for name, value in cookies.items())
