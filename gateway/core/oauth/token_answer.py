"""Read the answer to a token request: bytes in, a token or a failure out, never an exception.

Rules (RFC 6749 sections 5.1 and 5.2):

- 408, 429 and 5xx are transient, whatever the body says.
- Otherwise an ``error`` decides, even with status 200, where some servers send it. ``server_error`` and
  ``temporarily_unavailable`` (section 4.1.2.1) are transient, every other code is a refusal. Only registered
  codes are shown.
- 400, 401 and 403 without a readable error are refusals; any other status, redirects included, is unusable.
- A token is visible ASCII (RFC 6749 appendix A.12, except the space). That is more than the ``b64token`` of
  RFC 6750 section 2.1, since real tokens contain ``!``, ``|``, ``^``, ``#`` and ``%``.
- Its type must be one that can be used (`token_type`).
- Unknown members are ignored, ``refresh_token`` among them.
- A body whose type says that it is a form is read as one: some servers answer as they are asked.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from gateway.core.oauth.jwt_claims import claimed_left_s
from gateway.core.oauth.lifetime import earlier_of, read_expires_in
from gateway.core.oauth.server_answer import ServerAnswer, is_transient_status
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, Outcome
from gateway.core.oauth.token_type import flaw_of_type, is_bound_by_type
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings
from gateway.core.text.http_time import read_http_date
from gateway.core.text.json_object import JsonObject

MAX_TOKEN_CHARS: Final = 16 * 1024  # servers refuse header fields above 8 to 32 KiB

TRANSIENT_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
PROOF_CODES: Final = frozenset({"invalid_dpop_proof", "use_dpop_nonce"})
"""Errors about nothing but the proof of possession (RFC 9449 sections 5 and 8)."""
REGISTERED_CODES: Final = TRANSIENT_CODES | {
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",  # RFC 8707 section 2
    "unauthorized_client",
    "unsupported_grant_type",
    *PROOF_CODES,
}

_VISIBLE: Final = re.compile(r"[\x21-\x7E]+")
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,200}")
_MOST_SCOPES: Final = 100


def read_token_answer(
    answer: ServerAnswer,
    asked_scope: tuple[str, ...],
    wall_now_s: float,
    dpop: DpopSettings | None = None,
    *,
    takes_any_type: bool = False,
) -> Outcome:
    """Return the token or the failure that `answer` means; `wall_now_s` is in seconds since 1970."""
    failed = failure_of_answer(answer, wall_now_s)
    if failed is not None:
        return failed
    document = answer.members()
    if document is None:
        reason = "the authorization server did not answer with a JSON object"
        return Failed(FailureKind.INVALID, reason, status=answer.status)
    flaw = _flaw_of_token(document) or flaw_of_type(
        document.get("token_type"), dpop, takes_any=takes_any_type
    )
    if flaw is not None:
        return Failed(FailureKind.INVALID, f"the authorization server {flaw}", status=answer.status)
    server_now_s = read_http_date(answer.header("date")) or wall_now_s
    return _granted(document, asked_scope, server_now_s, dpop)


def failure_of_answer(answer: ServerAnswer, wall_now_s: float) -> Failed | None:
    """Return the failure that status and ``error`` mean, or None if there should be a token."""
    document = answer.members()
    if is_transient_status(answer.status):
        return _failed(answer, FailureKind.UNREACHABLE, document, wall_now_s)
    if document is not None and document.get("error"):
        return _failed(answer, _kind_of(document["error"]), document, wall_now_s)
    if 200 <= answer.status < 300:
        return None
    kind = FailureKind.REFUSED if answer.status in {400, 401, 403} else FailureKind.INVALID
    return _failed(answer, kind, document, wall_now_s)


def error_code(answer: ServerAnswer) -> str:
    """Return the registered error code in an answer, or an empty text."""
    return _registered((answer.members() or {}).get("error"))


def read_revocation_answer(answer: ServerAnswer | Failed, wall_now_s: float) -> Failed | None:
    """Return the failure that the answer to a revocation means, or None (RFC 7009 section 2.2)."""
    if isinstance(answer, Failed):
        return answer
    if answer.status == 200:
        return None
    failed = _failed(answer, FailureKind.REFUSED, answer.document(), wall_now_s)
    return replace(failed, reason=f"the authorization server answered {answer.status}")


def read_introspection_answer(answer: ServerAnswer | Failed, wall_now_s: float) -> JsonObject | Failed:
    """Return what the answer to an introspection says of the token (RFC 7662 section 2.2), or a failure."""
    if isinstance(answer, Failed):
        return answer
    document = answer.document() if answer.status == 200 else None
    if document is not None and isinstance(document.get("active"), bool):
        return document
    if answer.status == 200:
        return Failed(FailureKind.INVALID, "the answer of the authorization server says nothing of the token")
    kind = FailureKind.UNREACHABLE if is_transient_status(answer.status) else FailureKind.REFUSED
    failed = _failed(answer, kind, answer.document(), wall_now_s)
    return replace(failed, reason=f"the authorization server answered {answer.status}")


def _kind_of(error: object) -> FailureKind:
    is_transient = isinstance(error, str) and error in TRANSIENT_CODES
    return FailureKind.UNREACHABLE if is_transient else FailureKind.REFUSED


def _failed(
    answer: ServerAnswer, kind: FailureKind, document: JsonObject | None, wall_now_s: float
) -> Failed:
    code = _registered((document or {}).get("error"))
    reason = f"the authorization server answered {answer.status} {code}".rstrip()
    return Failed(kind, reason, code, answer.retry_after_s(wall_now_s), answer.status)


def _registered(error: object) -> str:
    return error if isinstance(error, str) and error in REGISTERED_CODES else ""


def _granted(
    document: JsonObject, asked_scope: tuple[str, ...], server_now_s: float, dpop: DpopSettings | None
) -> Granted:
    text = document["access_token"]
    lifetime_s = earlier_of(read_expires_in(document.get("expires_in")), claimed_left_s(text, server_now_s))
    scope = scope_words(document.get("scope"), asked_scope)
    return Granted(
        Secret(text), lifetime_s, scope, is_bound=is_bound_by_type(document.get("token_type"), dpop)
    )


def _flaw_of_token(document: JsonObject) -> str | None:
    text = document.get("access_token")
    if not isinstance(text, str) or not text:
        return "issued no access_token"
    return flaw_of_text(text, "access_token")


def flaw_of_text(text: str, name: str) -> str | None:
    """Return a clause that says why a token, which is called `name`, cannot be sent, or None."""
    article = "an" if name.startswith("a") else "a"
    if len(text) > MAX_TOKEN_CHARS:
        return f"issued {article} {name} that is too long for a header"
    if not _VISIBLE.fullmatch(text):
        return f"issued {article} {name} that cannot be sent in a header"
    return None


def scope_words(granted: object, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scope that an answer states, or `asked` if it states none (RFC 6749 section 5.1)."""
    # Some servers send a list. Words that are not scope-tokens (section 3.3) are never shown.
    words = granted.split(" ") if isinstance(granted, str) else granted
    if not isinstance(words, list):
        return asked
    known = [word for word in words if isinstance(word, str) and _SCOPE_TOKEN.fullmatch(word)]
    return tuple(known[:_MOST_SCOPES])


def missing_scope(asked: tuple[str, ...], granted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of the scope that were asked for but not granted (RFC 6749 section 3.3)."""
    return tuple(word for word in asked if word not in granted)
