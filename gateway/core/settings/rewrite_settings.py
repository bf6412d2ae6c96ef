"""What of an upstream's responses is rewritten into the route; see `core.http.rewriting`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CookieDomain(Enum):
    """What becomes of the ``Domain`` of cookies that is the upstream's own.

    KEEP: it stays. CALLER: it becomes the host that the caller used. REMOVE: it goes, and the cookie then
    belongs to that host alone.
    """

    KEEP = "keep"
    CALLER = "caller"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class RewriteSettings:
    """What is rewritten.

    Attributes:
        location: ``Location`` and ``Content-Location``.
        cookie_path: the ``Path`` of cookies.
        elsewhere: paths below the route's that others take to other places (`core.http.rewrite_bounds`).
    """

    location: bool = True
    cookie_path: bool = False
    cookie_domain: CookieDomain = CookieDomain.KEEP
    elsewhere: tuple[str, ...] = ()

    @property
    def edits_cookies(self) -> bool:
        """Whether anything of cookies is rewritten."""
        return self.cookie_path or self.cookie_domain is not CookieDomain.KEEP


USUAL_REWRITES = RewriteSettings()
