"""Cross-origin requests of browsers: what they may do, and what a response tells them (Fetch standard).

Rules:

- Only a true preflight is answered by the gateway: ``OPTIONS`` with ``Origin`` and
  ``Access-Control-Request-Method``. Any other ``OPTIONS`` is a request as all others, and needs access.
- A preflight of an origin that is not listed gets no permission, and nothing is forwarded for it.
- No limit of the route counts a preflight: the request that follows is counted, and a page whose preflight
  was refused sees neither the status nor when to come back.
- Every response of the route carries the fields, the gateway's own errors included: otherwise a page sees a
  network error where it should see a 401. The upstream's own are replaced, so that there is one policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import CorsSettings

REQUEST_METHOD: Final = b"access-control-request-method"
_REQUEST_HEADERS: Final = b"access-control-request-headers:"
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAMES: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,2048}")
ALWAYS_EXPOSED: Final = ("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID")
REPLACED: Final = frozenset(
    {
        b"access-control-allow-credentials",
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"access-control-max-age",
    }
)
"""What an upstream may say of this, folded."""


def is_preflight(head: RequestHead) -> bool:
    """Whether a browser asks in advance."""
    return head.method == "OPTIONS" and b"origin" in head.special and REQUEST_METHOD in head.special


def asked_method(head: RequestHead) -> str:
    """Return the method that a preflight asks for; empty if it is none."""
    method = head.special[REQUEST_METHOD]
    return method.decode("ascii") if _TOKEN.fullmatch(method) else ""


class Cors:
    """What pages of other origins may do on one route."""

    def __init__(self, settings: CorsSettings) -> None:
        self._settings = settings
        self._is_open = settings.is_open
        self._origins = frozenset(origin.encode("ascii") for origin in settings.origins)
        exposed = ", ".join(dict.fromkeys((*settings.expose, *ALWAYS_EXPOSED)))
        credentials = (b"Access-Control-Allow-Credentials: true",) if settings.credentials else ()
        self._said = (*credentials, f"Access-Control-Expose-Headers: {exposed}".encode("ascii"))

    def lines(self, head: RequestHead) -> tuple[bytes, ...]:
        """Return the fields of a response to a request."""
        origin = self._allowed(head)
        if origin is None:
            return () if self._is_open else (b"Vary: Origin",)
        return (*origin, *self._said)

    def preflight_lines(self, head: RequestHead, methods: Iterable[str] | None) -> tuple[bytes, ...]:
        """Return the fields of the response to a preflight; `methods` are the route's, None if any.

        ``Access-Control-Allow-Methods`` of a route with any method is the one that was asked for.
        """
        origin = self._allowed(head)
        if origin is None:
            return () if self._is_open else (b"Vary: Origin",)
        settings = self._settings
        named = ", ".join(sorted(methods or {asked_method(head)})).encode("ascii")
        asked = self._headers(head)
        return (
            *origin,
            *((b"Access-Control-Allow-Credentials: true",) if settings.credentials else ()),
            b"Access-Control-Allow-Methods: " + named,
            *((b"Access-Control-Allow-Headers: " + asked,) if asked else ()),
            b"Access-Control-Max-Age: %d" % settings.max_age_s,
            b"Vary: Access-Control-Request-Method, Access-Control-Request-Headers",
        )

    def _allowed(self, head: RequestHead) -> tuple[bytes, ...] | None:
        origin = head.special.get(b"origin")
        if origin is None:
            return None
        if self._is_open:
            return (b"Access-Control-Allow-Origin: *",)
        if origin not in self._origins:
            return None
        return b"Access-Control-Allow-Origin: " + origin, b"Vary: Origin"

    def _headers(self, head: RequestHead) -> bytes:
        if self._settings.headers is not None:
            return ", ".join(self._settings.headers).encode("ascii")
        start = len(_REQUEST_HEADERS)
        asked = [line[start:].strip() for line in head.lines if line[:start].lower() == _REQUEST_HEADERS]
        return asked[0] if len(asked) == 1 and _NAMES.fullmatch(asked[0]) else b""
