"""What a report never shows, wherever it occurs: credentials, proofs, tokens, other likely secrets."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway.core.oauth.picks import Picked, pick_text
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.set_cookie import cookies_set
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_request import build_token_request
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, Grant
from gateway.core.settings.shape_settings import AnswerShape
from gateway.core.settings.signing_settings import JsonClaim
from gateway.core.text.json_object import texts_in

_HIDDEN_FROM_CHARS: Final = 8
"""Shorter texts of the owner are hardly secrets, and hiding them would hide half of the report."""


def hidden_texts(client: ClientSettings, asked: Asked) -> Iterator[Secret]:
    """Yield every text that is hidden of what went out and what came back."""
    owners = (*_owners_texts(client.grant), *_queries(asked))
    yield from (Secret(text) for text in owners if len(text) >= _HIDDEN_FROM_CHARS)
    yield from map(Secret, _proxy_credentials(client.reach.proxy))
    for attempt in asked.attempts:
        yield from _of_attempt(attempt, client.grant)


def _of_attempt(attempt: TokenAttempt, grant: Grant) -> Iterator[Secret]:
    yield attempt.proof
    if grant.method is AuthMethod.CLIENT_SECRET_BASIC:
        yield _basic(grant, attempt.proof)
    if attempt.dpop_proof is not None:
        yield attempt.dpop_proof
    if isinstance(attempt.answer, ServerAnswer):
        yield from _given(attempt.answer, grant)


def _given(answer: ServerAnswer, grant: Grant) -> Iterator[Secret]:
    """Yield what gives access of an answer: tokens, all cookies, the further parts of a credential."""
    tokens = ((answer.members() or {}).get(name) for name in ("access_token", "refresh_token", "id_token"))
    yield from (Secret(text) for text in tokens if isinstance(text, str))
    yield from (Secret(cookie.value) for cookie in cookies_set(answer.set_cookies, 0.0).values())
    shape = grant.answer or AnswerShape()
    for pick in (shape.token, *(pick for _, pick in shape.takes)):
        found = None if pick is None else pick_text(pick, answer)
        if isinstance(found, Picked):
            yield Secret(found.text)


def _owners_texts(grant: Grant) -> Iterator[str]:
    """Yield what the owner wrote that the server was sent, and that may be a secret."""
    yield from (value for _, value in (*grant.headers, *grant.parameters, *grant.request.query))
    for _, claim in () if grant.assertion is None else grant.assertion.claims:
        yield from texts_in(json.loads(claim.text) if isinstance(claim, JsonClaim) else claim)


def _queries(asked: Asked) -> Iterator[str]:
    for url in {attempt.url for attempt in asked.attempts}:
        query = url.partition("?")[2]
        yield query
        yield from (part.partition("=")[2] for part in query.split("&"))


def _proxy_credentials(proxy: str | None) -> Iterator[str]:
    """Yield what a proxy may echo: our credentials as in the URL, as in the header, and decoded."""
    userinfo, at, _ = urlsplit(proxy or "").netloc.rpartition("@")
    if at:
        user, _, password = userinfo.partition(":")
        for pair in (userinfo, f"{unquote(user)}:{unquote(password)}"):
            yield pair
            yield pair.partition(":")[2]
            for code in ("latin-1", "utf-8"):  # aiohttp's, and that of RFC 7617
                yield b64encode(pair.encode(code, "replace")).decode("ascii")


def _basic(grant: Grant, proof: Secret) -> Secret:
    """Return the credentials as the header had them: a server may echo its header."""
    return Secret(build_token_request(grant, proof).headers.get("Authorization", "").partition(" ")[2])
