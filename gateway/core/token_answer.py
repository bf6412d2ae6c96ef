"""The authorization server's answer, read: bytes in, a token or a failure out, never an exception.

Rules (RFC 6749 sections 5.1 and 5.2, RFC 6750 section 2.1, design section 5):

- 408, 429 and 5xx are transient, whatever the body says.
- Else an ``error`` decides, also under 200, where some servers send it. ``server_error`` and
  ``temporarily_unavailable`` (section 4.1.2.1) are transient, every other code is a refusal. The code is
  shown only if it is a registered one.
- 400, 401 and 403 without a readable error are refusals; other statuses (redirects too) are nonsense.
- A token must be a ``b64token`` that can stand in a header, its type ``Bearer`` without case. A missing
  ``token_type`` is an error as well: it is REQUIRED, and guessing would send a bound token bare.
- Unknown members, ``refresh_token`` among them, are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.core.http_time import read_http_date, read_retry_after
from gateway.core.json_object import JsonObject, read_json_object
from gateway.core.jwt_claims import claimed_left_s
from gateway.core.lifetime import earlier_of, read_expires_in
from gateway.core.secret import Secret
from gateway.core.token_outcome import Failed, FailureKind, Granted, Outcome

MAX_ANSWER_BYTES: Final = 1024 * 1024
MAX_TOKEN_CHARS: Final = 16 * 1024  # servers refuse header fields of 8 to 32 KiB; longer ones serve nobody

TRANSIENT_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
REGISTERED_CODES: Final = TRANSIENT_CODES | {
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",  # RFC 8707 section 2
    "unauthorized_client",
    "unsupported_grant_type",
}

_B64TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,200}")
_MOST_SCOPES: Final = 100


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What came back from the token endpoint.

    Attributes:
        fields: header fields by lower-case name.
        body: at most `MAX_ANSWER_BYTES`.
    """

    status: int
    fields: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """Give the value of a header field, or an empty text."""
        return self.fields.get(name, "")


def read_token_answer(answer: TokenAnswer, asked_scope: tuple[str, ...], wall_now_s: float) -> Outcome:
    """Give the token or the failure that `answer` means; `wall_now_s` is in seconds since 1970."""
    document = read_document(answer)
    if is_transient_status(answer.status):
        return _failed(answer, FailureKind.UNREACHABLE, document, wall_now_s)
    if document is not None and document.get("error"):
        return _failed(answer, _kind_of(document["error"]), document, wall_now_s)
    if 200 <= answer.status < 300:
        server_now_s = read_http_date(answer.header("date")) or wall_now_s
        return _read_token(document, asked_scope, server_now_s)
    kind = FailureKind.REFUSED if answer.status in {400, 401, 403} else FailureKind.INVALID
    return _failed(answer, kind, document, wall_now_s)


def read_document(answer: TokenAnswer) -> JsonObject | None:
    """Give the JSON object in the answer's body, or None."""
    return read_json_object(answer.body)


def is_transient_status(status: int) -> bool:
    """Whether a status says that the same request may succeed later (RFC 9110 section 15.6, RFC 6585)."""
    return status >= 500 or status in {408, 429}


def _kind_of(error: object) -> FailureKind:
    is_transient = isinstance(error, str) and error in TRANSIENT_CODES
    return FailureKind.UNREACHABLE if is_transient else FailureKind.REFUSED


def _failed(answer: TokenAnswer, kind: FailureKind, document: JsonObject | None, wall_now_s: float) -> Failed:
    code = _registered((document or {}).get("error"))
    reason = f"the authorization server answered {answer.status} {code}".rstrip()
    rest_s = read_retry_after(answer.header("retry-after"), wall_now_s)
    return Failed(kind, reason, code, rest_s)


def _registered(error: object) -> str:
    return error if isinstance(error, str) and error in REGISTERED_CODES else ""


def _read_token(document: JsonObject | None, asked_scope: tuple[str, ...], server_now_s: float) -> Outcome:
    if document is None:
        return Failed(FailureKind.INVALID, "the authorization server answered with no JSON object")
    flaw = _flaw(document)
    if flaw is not None:
        return Failed(FailureKind.INVALID, f"the authorization server {flaw}")
    text = document["access_token"]
    lifetime_s = earlier_of(read_expires_in(document.get("expires_in")), claimed_left_s(text, server_now_s))
    return Granted(Secret(text), lifetime_s, scope_words(document.get("scope"), asked_scope))


def _flaw(document: JsonObject) -> str | None:
    text, kind = document.get("access_token"), document.get("token_type")
    if not isinstance(text, str) or not text:
        return "gave no access_token"
    if len(text) > MAX_TOKEN_CHARS:
        return "gave an access_token that is too long for a header"
    if not _B64TOKEN.fullmatch(text):
        return "gave an access_token that cannot stand in a header"
    if not isinstance(kind, str):
        return "gave no token_type"
    return None if kind.lower() == "bearer" else "gave a token of another type than Bearer"


def scope_words(granted: object, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Give the scope that an answer states, or `asked` where it states none (RFC 6749 section 5.1)."""
    # Some servers answer a list. What is no scope-token (section 3.3) is not shown to anybody.
    words = granted.split(" ") if isinstance(granted, str) else granted
    if not isinstance(words, list):
        return asked
    known = [word for word in words if isinstance(word, str) and _SCOPE_TOKEN.fullmatch(word)]
    return tuple(known[:_MOST_SCOPES])
