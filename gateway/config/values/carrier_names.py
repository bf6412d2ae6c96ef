"""Names of the places where a credential goes: a text -> the same text, or why it is refused."""

from __future__ import annotations

import re
from typing import Final

from gateway.config.problems import Wrong
from gateway.config.values.names import request_field_name
from gateway.core.http.fields import folded
from gateway.core.http.request_fields import SPECIAL

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_PREFIX: Final = re.compile(r"(?:[\x21-\x7e][\x20-\x7e]*)?")
_PARAMETER: Final = re.compile(r"[\x20-\x7e]+")
_PART: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_WITH_A_MEANING: Final = frozenset(
    (
        *(b"accept", b"content-encoding", b"content-type", b"cookie", b"date", b"dpop", b"origin"),
        *(b"range", b"referer", b"user-agent"),
    )
)
_OF_THE_GATEWAY: Final = SPECIAL - {b"authorization"}


def credential_field(value: str) -> str:
    """Accept the name of a header field that carries a credential."""
    name = folded(value.encode())
    if name == b"cookie":
        raise Wrong("a cookie is sent with {cookie: NAME}, beside those of the caller")
    if name == b"dpop":
        raise Wrong("a proof of possession is no credential: use dpop_bound_access_tokens")
    request_field_name(value)
    if name in _OF_THE_GATEWAY:
        raise Wrong("the gateway or its connections set this field: use another")
    return value


def identity_field(value: str) -> str:
    """Accept the name of a header field that tells an upstream who calls, in a signed form."""
    if folded(value.encode()) in _WITH_A_MEANING:
        raise Wrong("this field has a meaning of its own: use one such as X-Caller-Jwt")
    request_field_name(value)
    if folded(value.encode()) in _OF_THE_GATEWAY:
        raise Wrong("the gateway or its connections set this field: use another")
    return value


def field_prefix(value: str) -> str:
    """Accept what precedes a credential in a field, often with a space at its end; it may be empty."""
    if not _PREFIX.fullmatch(value):
        raise Wrong('expected visible ASCII such as "OAuth ", without a space at the beginning')
    return value


def credential_cookie(value: str) -> str:
    """Accept the name of a cookie (RFC 6265 section 4.1.1)."""
    if not _TOKEN.fullmatch(value):
        raise Wrong("expected the name of a cookie, such as SESSION")
    return value


def credential_parameter(value: str) -> str:
    """Accept the name of a query parameter."""
    if not _PARAMETER.fullmatch(value):
        raise Wrong("expected the name of a query parameter, such as access_token, not percent-encoded")
    return value


def part_name(value: str) -> str:
    """Accept the name of a part of a credential."""
    if not _PART.fullmatch(value):
        raise Wrong("the name of a part consists of at most 64 letters, digits, `_` and `-`")
    return value
