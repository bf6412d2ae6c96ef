"""Read the answer to a token request of a server that has a shape of its own for it.

Rules:

- Whether it succeeded is what ``success`` says (`login_success`). Without one, 408, 429 and 5xx are
  transient, an ``error`` in a JSON object decides next, and then the 2xx class, as `token_answer` has it.
- The code of an error is read wherever RFC 6749 section 5.2 has it, since it tells whose fault it is.
- A token is visible ASCII, wherever it was found, and so is each further part, in which there may be spaces.
- What the shape does not say is looked for where RFC 6749 has it, if the body is a JSON object.
- The earliest end that is stated counts: the lifetime, the ``exp`` of a JWT, the life of the cookie that is
  the token. They are counted on the server's clock. A lifetime that is not found, or cannot be read, is not
  stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.oauth.jwt_claims import claimed_left_s
from gateway.core.oauth.lifetime import earlier_of
from gateway.core.oauth.logins.login_success import objection_to, unmet
from gateway.core.oauth.picks import NotMet, NotPicked, Picked, pick_text
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.set_cookie import cookies_set
from gateway.core.oauth.stated_life import read_life_s
from gateway.core.oauth.token_answer import (
    error_code,
    failure_of_answer,
    flaw_of_text,
    read_token_answer,
    scope_words,
)
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, Outcome
from gateway.core.oauth.token_type import flaw_of_type, is_bound_by_type
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import Grant
from gateway.core.settings.login_settings import StatedLife
from gateway.core.settings.shape_settings import AnswerShape
from gateway.core.settings.whereabouts import FromCookie, FromJson, LifeUnit, Pick
from gateway.core.text.http_time import read_http_date
from gateway.core.text.json_object import read_json
from gateway.core.text.json_pointer import Found, JsonPointer, follow

_TOKEN: Final = FromJson(JsonPointer(("access_token",)))
_TYPE: Final = FromJson(JsonPointer(("token_type",)))
_SCOPE: Final = FromJson(JsonPointer(("scope",)))
_LIFETIME: Final = StatedLife(FromJson(JsonPointer(("expires_in",))), LifeUnit.SECONDS)
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer means.

    Attributes:
        missing: what was looked for and not found; for the doctor alone, since it names what another server
            named.
    """

    outcome: Outcome
    missing: tuple[NotPicked | NotMet, ...] = ()


def read_answer(grant: Grant, answer: ServerAnswer, wall_now_s: float) -> Reading:
    """Return the token or the failure that the answer to the request for `grant` means."""
    if grant.answer is None:
        outcome = read_token_answer(
            answer, grant.scope, wall_now_s, grant.dpop, takes_any_type=grant.takes_any_type
        )
        is_about_token = isinstance(outcome, Failed) and outcome.kind is FailureKind.INVALID
        found = pick_text(_TOKEN, answer) if is_about_token and answer.document() is not None else None
        return Reading(outcome, (found,) if isinstance(found, NotPicked) else ())
    failed = _failure(grant.answer, answer, wall_now_s)
    if failed is None:
        return _read(grant, grant.answer, answer, wall_now_s)
    success = grant.answer.success
    return Reading(failed, () if success is None else unmet(success, answer))


def _failure(shape: AnswerShape, answer: ServerAnswer, wall_now_s: float) -> Failed | None:
    if shape.success is None:
        return failure_of_answer(answer, wall_now_s)
    kind, objection = objection_to(shape.success, answer)
    if kind is None:
        return None
    code = error_code(answer)
    reason = f"the authorization server {objection} {code}".rstrip()
    return Failed(kind, reason, code, answer.retry_after_s(wall_now_s), answer.status)


def _read(grant: Grant, shape: AnswerShape, answer: ServerAnswer, wall_now_s: float) -> Reading:
    token = pick_text(shape.token or _TOKEN, answer)
    if isinstance(token, NotPicked):
        return _useless(answer, f"issued no token: {token.pick} was not found", token)
    stated_type = _text(shape.token_type or _TYPE, answer)
    flaw = flaw_of_text(token.text, "token") or flaw_of_type(
        stated_type, grant.dpop, takes_any=grant.takes_any_type
    )
    if flaw is not None:
        return _useless(answer, flaw)
    parts: list[tuple[str, Secret]] = []
    for name, pick in shape.takes:
        part = pick_text(pick, answer)
        if isinstance(part, NotPicked):
            return _useless(answer, f"issued a token without {name}: {pick} was not found", part)
        if flaw_of_part(part.text):
            return _useless(answer, f"issued a token whose {name} cannot be sent in a header")
        parts.append((name, Secret(part.text)))
    granted = Granted(
        Secret(token.text),
        _lifetime_s(shape, token.text, answer, read_http_date(answer.header("date")) or wall_now_s),
        scope_of(grant, shape, answer),
        is_bound=is_bound_by_type(stated_type, grant.dpop),
        parts=tuple(parts),
    )
    return Reading(granted, tuple(_not_stated(shape, answer)))


def flaw_of_part(text: str) -> bool:
    """Whether a further part of a credential cannot be sent in a header field."""
    return flaw_of_text(text.replace(" ", "_"), "") is not None or not _PRINTABLE.fullmatch(text)


def _useless(answer: ServerAnswer, clause: str, *missing: NotPicked) -> Reading:
    failed = Failed(FailureKind.INVALID, f"the authorization server {clause}", status=answer.status)
    return Reading(failed, missing)


def _text(pick: Pick, answer: ServerAnswer) -> str | None:
    found = pick_text(pick, answer)
    return found.text if isinstance(found, Picked) else None


def _lifetime_s(shape: AnswerShape, token: str, answer: ServerAnswer, server_now_s: float) -> float | None:
    return earlier_of(
        _stated_s(shape, answer, server_now_s),
        claimed_left_s(token, server_now_s),
        _cookie_left_s(shape.token, answer, server_now_s),
    )


def _stated_s(shape: AnswerShape, answer: ServerAnswer, server_now_s: float) -> float | None:
    lifetime = _LIFETIME if shape.lifetime is None else shape.lifetime
    if isinstance(lifetime, float):
        return lifetime
    text = _text(lifetime.pick, answer)
    return None if text is None else read_life_s(text, lifetime.unit, server_now_s)


def _cookie_left_s(pick: Pick | None, answer: ServerAnswer, server_now_s: float) -> float | None:
    if not isinstance(pick, FromCookie):
        return None
    cookie = cookies_set(answer.set_cookies, server_now_s).get(pick.name)
    return None if cookie is None else cookie.lifetime_s


def scope_of(grant: Grant, shape: AnswerShape, answer: ServerAnswer) -> tuple[str, ...]:
    """Return the scope that an answer states, or what was asked for."""
    if shape.scope is None:
        return scope_words((answer.document() or {}).get("scope"), grant.scope)
    return scope_words(_stated_scope(shape.scope, answer), grant.scope)


def _stated_scope(pick: Pick, answer: ServerAnswer) -> object:
    """Return words in one text or, in JSON, a list; None if neither is there."""
    document = read_json(answer.body) if isinstance(pick, FromJson) else None
    if isinstance(pick, FromJson) and document is not None:
        found = follow(pick.pointer, document.value)
        if isinstance(found, Found) and isinstance(found.value, list):
            return found.value
    text = _text(pick, answer)
    return None if text is None else text.replace(",", " ")


def _not_stated(shape: AnswerShape, answer: ServerAnswer) -> Iterator[NotPicked]:
    """Yield what the owner says is there, and is not."""
    life = shape.lifetime.pick if isinstance(shape.lifetime, StatedLife) else None
    scope = shape.scope if shape.scope and _stated_scope(shape.scope, answer) is None else None
    for pick in (life, shape.token_type, scope):
        found = None if pick is None else pick_text(pick, answer)
        if isinstance(found, NotPicked):
            yield found
