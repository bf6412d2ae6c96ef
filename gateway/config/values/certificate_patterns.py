"""Patterns for the names in certificates: a text -> the same text, or why it is refused."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config.problems import Wrong
from gateway.config.values.key_types import Text, one_or_many
from gateway.core.access.certificate_names import Pattern


def pattern(separator: str, value: str) -> str:
    """Return the pattern if it has one reading."""
    try:
        Pattern.of(value, separator)
    except ValueError as error:
        raise Wrong(str(error)) from None
    return value


def uri_pattern(value: str) -> str:
    """Return the pattern of a URI; its scheme is written out."""
    scheme, colon, _ = value.partition(":")
    if not colon or "*" in scheme or "/" in scheme:
        raise Wrong("expected a URI, such as spiffe://example.org/ns/shop/*")
    return pattern("/", value)


def subject_pattern(value: str) -> str:
    """Return the pattern of a subject."""
    if "=" not in value:
        raise Wrong("expected a subject as in RFC 4514, such as CN=*,O=Example")
    return pattern(",", value)


_Uri = Annotated[Text, AfterValidator(uri_pattern)]
_Dns = Annotated[Text, AfterValidator(partial(pattern, "."))]
_Subject = Annotated[Text, AfterValidator(subject_pattern)]
UriPatterns = Annotated[
    list[_Uri],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=_Uri | list[_Uri]),
]
DnsPatterns = Annotated[
    list[_Dns],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=_Dns | list[_Dns]),
]
SubjectPatterns = Annotated[
    list[_Subject],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=_Subject | list[_Subject]),
]
