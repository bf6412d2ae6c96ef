"""Foreign text made fit to be shown: cut, without control characters, and with what is secret masked in it.

Should a server write our secret or its token back to us, in an error description or a header field, it is
masked wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from gateway.core.json_object import JsonObject
from gateway.core.secret import MASK, Secret

SHOWN_CLAIMS: Final = 40
SHOWN_CHARS: Final = 200


class Mask:
    """Cleans foreign text and hides in it what was secret, plain or form-encoded."""

    def __init__(self, hidden: Iterable[Secret]) -> None:
        self._hidden = tuple(_spellings(hidden))

    def __repr__(self) -> str:
        return f"<Mask of {len(self._hidden)} spellings>"

    def text(self, foreign: str) -> str:
        """Give the text as it may be shown."""
        for text in self._hidden:
            foreign = foreign.replace(text, MASK)  # before it is cut, or a half of it would show
        return "".join(char if char.isprintable() else " " for char in foreign[:SHOWN_CHARS])

    def claims(self, claims: JsonObject) -> JsonObject:
        """Give the claims as they may be shown, numbers as they are."""
        return {self.text(name): self._value(claims[name]) for name in list(claims)[:SHOWN_CLAIMS]}

    def _value(self, value: Any) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        try:
            return self.text(value if isinstance(value, str) else json.dumps(value))
        except RecursionError:
            return "…"


def shown_url(url: str) -> str:
    """Give a URL without user information and with its query masked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?' + MASK if parts.query else ''}"


def _spellings(hidden: Iterable[Secret]) -> Iterator[str]:
    for text in dict.fromkeys(secret.reveal() for secret in hidden):
        if text:
            yield text
            yield quote_plus(text, errors="replace")
