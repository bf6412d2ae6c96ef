"""A server's description of an error, wherever its error object holds it. Untrusted text: clean and mask it.

RFC 6749 section 5.2 defines ``error_description``. Real servers, and gateways before them, use other members:
``errorSummary`` (Okta), ``fault.faultstring`` (Apigee), ``error.message`` (Google, Azure), ``message`` and
``error`` (Spring), ``Message`` (AWS), ``errors[0].message``, ``title`` and ``detail`` (RFC 9457).

Rules:

- Names are compared without case, hyphens and underscores.
- Outer texts come before inner ones, each once, `MOST_TEXTS` at most.
- Lists and objects are searched `DEEPEST` levels deep, `WIDEST` members wide.
- ``error`` itself counts if nothing else is found, unless it is a registered code, which is reported anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.core.oauth.token_answer import REGISTERED_CODES
from gateway.core.text.json_object import JsonObject

MOST_TEXTS: Final = 3
DEEPEST: Final = 6
WIDEST: Final = 20

_SAYING: Final = (
    "errordescription",
    "errorsummary",
    "faultstring",
    "errormessage",
    "errormsg",
    "errmsg",
    "message",
    "msg",
    "title",
    "detail",
    "details",
    "description",
    "reason",
)
_HOLDING: Final = frozenset({"detail", "details", "error", "errors", "message", "messages"})
"""Lists under these names hold texts without names of their own."""


def error_text(document: JsonObject) -> str:
    """Return the description, or an empty text."""
    texts = dict.fromkeys(text.strip() for text in _said(document))
    if not texts and _is_unregistered(document.get("error")):
        texts = {document["error"].strip(): None}
    return "; ".join(list(texts)[:MOST_TEXTS])


def _said(document: JsonObject) -> Iterator[str]:
    level: list[tuple[str, object]] = [("", document)]
    for _ in range(DEEPEST):
        inner: list[tuple[str, object]] = []
        for name, value in level:
            if isinstance(value, dict):
                members = [(_folded(key), member) for key, member in list(value.items())[:WIDEST]]
                yield from _named_texts(members)
                inner += [(key, member) for key, member in members if isinstance(member, dict | list)]
            elif isinstance(value, list):
                yield from _listed_texts(name, value[:WIDEST])
                inner += [(name, item) for item in value[:WIDEST] if isinstance(item, dict | list)]
        level = inner[:WIDEST]


def _named_texts(members: list[tuple[str, object]]) -> Iterator[str]:
    for saying in _SAYING:
        for name, member in members:
            if name == saying and isinstance(member, str) and member.strip():
                yield member


def _listed_texts(name: str, items: list[object]) -> Iterator[str]:
    if name in _HOLDING:
        yield from (item for item in items if isinstance(item, str) and item.strip())


def _is_unregistered(error: object) -> bool:
    return isinstance(error, str) and error not in REGISTERED_CODES


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
