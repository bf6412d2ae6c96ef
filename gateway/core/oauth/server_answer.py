"""The raw answer of an authorization server to any request: bounded in size, not yet interpreted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from gateway.core.dpop import nonce_of_text
from gateway.core.text.http_time import read_retry_after
from gateway.core.text.json_object import JsonObject, read_json_object

MAX_ANSWER_BYTES: Final = 1024 * 1024
FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 100
_NONCE: Final = "dpop-nonce"
_LISTS: Final = frozenset(("cache-control", "www-authenticate"))


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """Status, header fields and body.

    Attributes:
        fields: header fields by lower-case name.
        body: at most `MAX_ANSWER_BYTES`; unpacked if possible.
        set_cookies: all values of ``Set-Cookie``, which cannot be joined (RFC 6265 section 3).
    """

    status: int
    fields: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    set_cookies: tuple[str, ...] = field(default=(), repr=False)

    def header(self, name: str) -> str:
        """Return the value of a header field, or an empty string."""
        return self.fields.get(name, "")

    def document(self) -> JsonObject | None:
        """Return the JSON object in the body, or None."""
        return read_json_object(self.body)

    def members(self) -> JsonObject | None:
        """Return the JSON object in the body, or the fields of a form if the body is said to be one."""
        document = self.document()
        return _form(self.body) if document is None and self.is_form else document

    @property
    def is_form(self) -> bool:
        """Whether its type says that the body is a form."""
        return self.header("content-type").partition(";")[0].strip().lower() == FORM

    def retry_after_s(self, wall_now_s: float) -> float | None:
        """Return how long the server asks us to wait, within bounds, or None."""
        return read_retry_after(self.header("retry-after"), wall_now_s)


def _form(body: bytes) -> JsonObject | None:
    """Return the fields of a form, or None if it is none, or has a field twice."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8").strip(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        return None
    fields: JsonObject = dict(pairs)
    return fields if fields and len(fields) == len(pairs) else None


def read_fields(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Index header fields by lower-case name, with one value for each.

    Repeated lists are joined (RFC 9110 section 5.3). Of repeated nonces the first usable one counts, of other
    repeated fields the first.
    """
    fields: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        known = fields.get(name)
        if known is None or (name == _NONCE and not nonce_of_text(known)):
            fields[name] = value
        elif name in _LISTS:
            fields[name] = f"{known}, {value}"
    return fields


def is_transient_status(status: int) -> bool:
    """Whether the same request may succeed later (RFC 9110 section 15.6, RFC 6585)."""
    return status >= 500 or status in {408, 429}
