"""The items of `recover_on`: status codes, and responses that say in another way that the credential died.

Rules:

- A success says so by itself only together with something else, and 304 never does: the upstream compared
  what it has with what the caller has, so it accepted the credential.
- Only a redirect has a ``Location`` to go by (RFC 9110 section 15.4), and 204 and 205 have no body.
"""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, model_validator

from gateway.config.problems import Wrong
from gateway.config.values.key_types import (
    FieldValue,
    JsonConditions,
    MediaType,
    RefusalStatus,
    ResponseField,
)
from gateway.config.values.strict import Strict, optional, required
from gateway.core.text.plain_text import text


def _place(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    has_server = parts.scheme in {"http", "https"} and bool(parts.hostname)
    if not (has_server or value.startswith("/")) or parts.query or parts.fragment or "@" in parts.netloc:
        raise Wrong(
            "expected the path that the redirect leads to, such as /login, or /login* for all that begins "
            "so, with https://host before it if that matters"
        )
    return text(value)


def _as_it_is(value: object) -> object:
    return value


class RefusalModel(Strict):
    """A response that says that the credential died; all that is written counts. A number is its status."""

    status: RefusalStatus = required("Its status code.")
    location: Annotated[str, AfterValidator(_place)] | None = optional(
        "Where it redirects to: a path with all below it; /login* for all that begins so."
    )
    content_type: MediaType | None = optional("Its media type, as in text/html.")
    header: dict[ResponseField, FieldValue] | None = optional(
        'Header fields and their values, compared without case; "*" for any value.'
    )
    json_body: JsonConditions | None = optional(
        "JSON pointers into its body of at most 4 KiB, and what must stand there: a value, a list of values, "
        "absent or present.",
        alias="json",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_number(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"status": value}

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.status < 300 and not self.is_more_than_status:
            raise Wrong(f"{self.status} alone is a success: add content_type, header or json")
        if self.location is not None and not 300 <= self.status <= 399:
            raise Wrong("only a redirect, 300 to 399, has a location to go by")
        if self.json_body is not None and self.status in {204, 205}:
            raise Wrong(f"a {self.status} has no body: remove json")
        return self

    @property
    def is_more_than_status(self) -> bool:
        """Whether there is more to it than its status code."""
        return bool(self.location or self.content_type or self.header or self.json_body)


Refusals = Annotated[
    list[RefusalModel],
    BeforeValidator(_as_it_is, json_schema_input_type=list[RefusalStatus | RefusalModel]),
]
