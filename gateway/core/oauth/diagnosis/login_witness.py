"""What the doctor asks about a login.

Of what was sent, only names are shown: any value in a login may be a secret. Of what came back, nothing is
shown that was taken, or that could be a credential under another name.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from gateway.core.oauth.diagnosis.deviations import Deviation
from gateway.core.oauth.named_secret import name_of
from gateway.core.oauth.picks import Picked, pick_text
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.set_cookie import read_set_cookie
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import MASK, Secret
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.settings.login_settings import (
    BasicLogin,
    FormBody,
    JsonBody,
    JsonItems,
    JsonMembers,
    LoginText,
    SecretText,
    StepRequest,
)
from gateway.core.text.json_object import read_json, texts_in
from gateway.core.text.secret_shape import oddities

_HIDDEN_FROM_CHARS: Final = 8
"""Shorter texts are hardly secrets, and hiding them would hide half of the report."""


class LoginWitness:
    """Implements `witness.Witness` for a client that logs in."""

    def __init__(self, client: ClientSettings) -> None:
        assert client.grant.login is not None
        self._client = client
        self._steps = client.grant.login.steps

    def sent(self, attempt: TokenAttempt) -> Iterator[tuple[str, str]]:
        """Yield the names of what a step had."""
        request = self._steps[attempt.step].request
        if request.basic is not None:
            yield "Authorization", f"Basic {MASK}"
        yield from ((name, MASK) for name, _ in request.headers)
        yield from ((name, MASK) for name in _names_in(request.body))
        if self._client.grant.certificate is not None:
            yield "(TLS certificate)", self._client.grant.certificate.certificate

    def hidden(self, asked: Asked) -> Iterator[Secret]:
        """Yield what must not be shown."""
        for number in range(len(self._client.credentials)):
            yield from map(Secret, self._read(SecretText(number)))
        for step in self._steps:
            yield from map(Secret, self._written(step.request))
        for attempt in asked.attempts:
            if isinstance(attempt.answer, ServerAnswer):
                yield from map(Secret, self._received(attempt.step, attempt.answer))

    def oddities(self) -> Iterator[str]:
        """Yield what looks wrong with the secrets of the steps."""
        for number, reader in enumerate(self._client.credentials):
            name = name_of(self._client.credentials, number)
            with suppress(OSError, ValueError):
                yield from (f"{name} {odd}" for odd in oddities(reader().reveal()))

    def deviations(self, answer: ServerAnswer) -> tuple[Deviation, ...]:  # noqa: ARG002
        """Return nothing: a login follows no standard."""
        return ()

    def advice(self, failed: Failed, answer: ServerAnswer | None, *, has_tried: bool) -> str:  # noqa: ARG002
        """Return what to change in `gateway.yaml` or at the server."""
        if answer is None:
            return ""
        if failed.kind is FailureKind.INVALID and answer.status < 400:
            return "compare `take` with what is there instead; another step may have it"
        if 300 <= answer.status < 400 and failed.kind is FailureKind.REFUSED:
            return "if this redirect is success, write success: {status: ..., location: ...}"
        if failed.kind is FailureKind.REFUSED:
            return "check user and password, `success`, and what else the server expects in this step"
        return "check the url and the method of this step" if failed.kind is FailureKind.INVALID else ""

    # ── hidden ────────────────────────────────────────────────────────────────────────────────────

    def _read(self, piece: SecretText) -> Iterator[str]:
        with suppress(OSError, ValueError):
            yield self._client.credentials[piece.number]().reveal()

    def _written(self, request: StepRequest) -> Iterator[str]:
        """Yield the owner's texts, also as a Basic header has them: a server may echo its header."""
        for text in request.texts():
            yield from (one for one in self._plain(text) if len(one) >= _HIDDEN_FROM_CHARS)
        if isinstance(request.basic, BasicLogin):
            for user in self._plain(request.basic.user):
                for password in self._plain(request.basic.password):
                    yield password
                    yield b64encode(f"{user}:{password}".encode("utf-8", "replace")).decode("ascii")

    def _plain(self, text: LoginText) -> Iterator[str]:
        """Yield a text, unless it needs an earlier step."""
        if not text.uses:
            pieces = [
                piece if isinstance(piece, str) else "".join(self._read_any(piece)) for piece in text.pieces
            ]
            yield "".join(pieces)

    def _read_any(self, piece: object) -> Iterable[str]:
        return self._read(piece) if isinstance(piece, SecretText) else ()

    def _received(self, step: int, answer: ServerAnswer) -> Iterator[str]:
        found = (pick_text(pick, answer) for _, pick in self._steps[step].takes)
        yield from (one.text for one in found if isinstance(one, Picked))
        cookies = (read_set_cookie(text, 0.0) for text in answer.set_cookies)
        yield from (cookie.value for cookie in cookies if cookie is not None)
        yield from _parameters(answer.header("location"))
        document = read_json(answer.body)
        texts = texts_in(document.value) if document is not None and answer.status < 400 else ()
        yield from (one for one in texts if len(one) >= _HIDDEN_FROM_CHARS and not any(map(str.isspace, one)))


def _names_in(body: FormBody | JsonBody | None) -> Iterator[str]:
    match body:
        case FormBody(fields):
            yield from (name for name, _ in fields)
        case JsonMembers(members):
            yield from (name for name, _ in members)
        case JsonItems():
            yield "(a JSON list)"
        case None:
            pass
        case _:
            yield "(a JSON value)"


def _parameters(location: str) -> Iterator[str]:
    """Yield what the parameters of a redirect hold, those of its path included: ``;jsessionid=...``."""
    with suppress(ValueError):
        parts = urlsplit(location)
        yield from (value for _, value in parse_qsl(f"{parts.query}&{parts.fragment}"))
        for segment in parts.path.split("/"):
            yield from (each.partition("=")[2] for each in segment.split(";")[1:])
