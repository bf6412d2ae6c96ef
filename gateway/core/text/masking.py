"""Make foreign text fit to be shown: cut it, remove control characters, mask secrets.

If a server echoes our secret or its token, in an error description or a header field, it is masked wherever
it occurs. A secret of fewer than `MASKED_FROM_CHARS` is not: it would mask letters in every word, and so
give itself away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

from gateway.core.secret import MASK, Secret
from gateway.core.text.json_object import JsonObject

MASKED_FROM_CHARS: Final = 4
SHOWN_CLAIMS: Final = 40
SHOWN_CHARS: Final = 200

_ESCAPE: Final = re.compile("%[0-9A-F]{2}")


class Mask:
    """Cleans foreign text and masks secrets in it, plain or form-encoded."""

    def __init__(self, hidden: Iterable[Secret]) -> None:
        # A spelling that cleaning blanks never shows, and as a space it would mask every space.
        spellings = {
            shown for each in _spellings(hidden) if (shown := _cleaned(each)).strip() or shown == each
        }
        long_enough = (spelling for spelling in spellings if len(spelling) >= MASKED_FROM_CHARS)
        # The longest first: if one secret begins with another, the rest of it would show.
        self._hidden = sorted(long_enough, key=lambda spelling: (-len(spelling), spelling))

    def __repr__(self) -> str:
        return f"<Mask of {len(self._hidden)} spellings>"

    def text(self, foreign: str) -> str:
        """Return the text as it may be shown."""
        return self.whole(foreign)[:SHOWN_CHARS]  # mask before cutting, or half a secret could show

    def whole(self, text: str) -> str:
        """Mask a text of our own that contains foreign words, without cutting it."""
        text = _cleaned(text)
        for spelling in self._hidden:
            text = text.replace(spelling, MASK)
        return text

    def claims(self, claims: JsonObject) -> JsonObject:
        """Return the claims as they may be shown, numbers unchanged."""
        return {self.text(name): self._value(claims[name]) for name in list(claims)[:SHOWN_CLAIMS]}

    def _value(self, value: Any) -> Any:
        try:
            masked = self._masked(value)
            if isinstance(masked, dict | list):
                masked = json.dumps(masked, ensure_ascii=False)
        except RecursionError:
            return "…"
        return self.text(masked) if isinstance(masked, str) else masked

    def _masked(self, value: Any) -> Any:
        """Mask each text and number by itself: in the surrounding JSON it may be escaped."""
        match value:
            case str():
                return self.whole(value)
            case dict():
                return {self.whole(name): self._masked(member) for name, member in value.items()}
            case list():
                return [self._masked(member) for member in value]
            case bool() | None:
                return value
            case _:
                shown = self.whole(str(value))
                return value if shown == str(value) else shown


def shown_url(url: str) -> str:
    """Return a URL without user information and with its query masked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?' + MASK if parts.query else ''}"


def _cleaned(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _spellings(hidden: Iterable[Secret]) -> Iterator[str]:
    for text in {secret.reveal() for secret in hidden}:
        yield text
        yield from filter(str.strip, map(_cleaned, _misread(text)))
        for encoded in (quote_plus(text, errors="replace"), quote(text, safe="", errors="replace")):
            yield encoded
            yield _ESCAPE.sub(lambda escape: escape[0].lower(), encoded)


def _misread(text: str) -> Iterator[str]:
    """The text in the wrong encoding: ours as a server may read it, a server's as we read it (as UTF-8)."""
    with suppress(UnicodeEncodeError):
        yield text.encode().decode("latin-1")
        yield text.encode("latin-1").decode("utf-8", "surrogateescape")
