"""Shapes of token requests and their answers, where a server has others than OAuth's (RFC 6749).

What a shape does not say is as the RFC has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.core.settings.login_settings import LoginSuccess, StatedLife
from gateway.core.settings.whereabouts import Pick


class RequestMethod(Enum):
    """The method of a token request."""

    POST = "POST"
    GET = "GET"
    PUT = "PUT"


class BodyFormat(Enum):
    """How the fields of a token request are written in its body."""

    FORM = "form"
    JSON = "json"


class OwnField(Enum):
    """The fields of a token request that the gateway sets, and that a shape may rename or omit."""

    GRANT_TYPE = "grant_type"
    CLIENT_ID = "client_id"
    CLIENT_SECRET = "client_secret"
    SCOPE = "scope"
    AUDIENCE = "audience"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class RequestShape:
    """What a token request looks like.

    Attributes:
        method: with GET, all fields are in the query.
        format: of the body.
        query: what is added to the query of the token endpoint; its values may be secrets.
        names: other names for the gateway's own fields.
        omitted: those of them that are not sent.
    """

    method: RequestMethod = RequestMethod.POST
    format: BodyFormat = BodyFormat.FORM
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    names: tuple[tuple[OwnField, str], ...] = ()
    omitted: frozenset[OwnField] = frozenset()


USUAL_REQUEST: Final = RequestShape()
"""That of RFC 6749."""


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """Where an answer has what is wanted of it.

    Attributes:
        token: None for ``access_token``.
        lifetime: in seconds, or where it is stated; None for ``expires_in``.
        token_type: None for ``token_type``.
        scope: None for ``scope``.
        success: what an answer with a token looks like; None for any of the 2xx class without an ``error``.
        takes: further parts of the credential, by name.
    """

    token: Pick | None = None
    lifetime: StatedLife | float | None = None
    token_type: Pick | None = None
    scope: Pick | None = None
    success: LoginSuccess | None = None
    takes: tuple[tuple[str, Pick], ...] = ()
