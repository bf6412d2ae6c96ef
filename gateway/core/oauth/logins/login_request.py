"""The request of one login step: its texts put together, and placed by encoders.

Rules:

- A text is put together first and encoded as a whole: as a form field (percent-encoded UTF-8), as a JSON
  string, as a header field, or in base64 for Basic.
- A header field is Latin-1 without controls: what an earlier step gave, or a file holds, cannot end the line.
- The body implies ``Content-Type``; the owner's header fields replace ours of the same name.
- Cookies that earlier steps set go back to the origin that set them.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never
from urllib.parse import quote

from gateway.core.secret import Secret
from gateway.core.settings.login_settings import (
    BasicLogin,
    FormBody,
    JsonBody,
    JsonConstant,
    JsonItems,
    JsonMembers,
    LoginText,
    SecretText,
    StepRequest,
    TakenText,
    TextFields,
)

_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"

ReadSecret = Callable[[int], Secret]
"""Reads the client's credential of this number; raises OSError or ValueError if it cannot."""


class Unplaceable(Exception):
    """A text cannot be sent where it belongs; the message says which, and not what it is."""


@dataclass(frozen=True, slots=True)
class StepMessage:
    """A request as it is sent: header fields, and a body if there is one."""

    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LoginTexts:
    """What texts are put together from.

    Attributes:
        read: reads the client's secrets.
        taken: what earlier steps gave, by name.
    """

    read: ReadSecret = field(repr=False)
    taken: Mapping[str, Secret] = field(repr=False)

    def of(self, text: LoginText) -> str:
        """Put a text together.

        Raises:
            OSError: a secret cannot be read.
            ValueError: the same, or it is not text.
        """
        return "".join(map(self._piece, text.pieces))

    def _piece(self, piece: str | SecretText | TakenText) -> str:
        match piece:
            case str():
                return piece
            case SecretText(number):
                return self.read(number).reveal()
            case TakenText(name):
                return self.taken[name].reveal()
            case _:
                assert_never(piece)


def build_step(request: StepRequest, texts: LoginTexts, cookies: str = "") -> StepMessage:
    """Build the request of a step; `cookies` is the value of ``Cookie``, or empty.

    Raises:
        Unplaceable: a text does not fit its place.
        OSError: a secret cannot be read.
        ValueError: the same, or it cannot be encoded.
    """
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    body, kind = _body(request, texts)
    if body is not None:
        headers["Content-Type"] = kind
    if request.basic is not None:
        headers["Authorization"] = _basic(request.basic, texts)
    if cookies:
        headers["Cookie"] = cookies
    owners = dict(_owners(request.headers, texts))
    replaced = {name.lower() for name in owners}
    ours = {name: value for name, value in headers.items() if name.lower() not in replaced}
    return StepMessage(request.method, request.url, ours | owners, body)


def _owners(fields: TextFields, texts: LoginTexts) -> Iterator[tuple[str, str]]:
    for name, text in fields:
        value = texts.of(text)
        if not _FIELD_VALUE.fullmatch(value) or value != value.strip(" \t"):
            raise Unplaceable(f"the value of the header field {name} cannot be sent in one")
        yield name, value


def _basic(basic: BasicLogin, texts: LoginTexts) -> str:
    user, password = texts.of(basic.user), texts.of(basic.password)
    if ":" in user:
        raise Unplaceable("the user contains a colon, which Basic cannot send (RFC 7617 section 2)")
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode('ascii')}"


def _body(request: StepRequest, texts: LoginTexts) -> tuple[bytes | None, str]:
    match request.body:
        case None:
            return None, ""
        case FormBody(fields):
            return _form((name, texts.of(text)) for name, text in fields), _FORM
        case body:
            return json.dumps(_plain(body, texts), ensure_ascii=False).encode(), _JSON


def _form(pairs: Iterable[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs).encode()


def _plain(body: JsonBody, texts: LoginTexts) -> object:
    match body:
        case LoginText():
            return texts.of(body)
        case JsonConstant(text):
            return json.loads(text)
        case JsonItems(items):
            return [_plain(item, texts) for item in items]
        case JsonMembers(members):
            return {name: _plain(member, texts) for name, member in members}
        case _:
            assert_never(body)
