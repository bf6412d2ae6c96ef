"""The outcome of a token request: a token, or a failure that says whose fault it is and how long to wait.

Failures are values, since they are expected; they become errors only for a caller who waits. The kind decides
both the pause (`backoff`) and the status that callers get:

=============  =======================================================  =============================
REFUSED        the client or its grant is not accepted; needs a human   502, long pauses
INVALID        the server answered, but nothing that can be used        502, short pauses
UNREACHABLE    network, 5xx, 429, or the server asked for time          503, short pauses
UNSENT         one of our files that the request needs is unusable      503, short pauses
SLOW           no answer within the client's ``timeout``                504 if waited for, then 503
=============  =======================================================  =============================

``reason`` is in words of ours. Those of the authorization server are not kept; only ``gateway token`` shows
them, from the very answer (`doctor.report`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import ceil
from typing import assert_never

from gateway.core.cause import Cause
from gateway.core.errors import (
    AuthorizationServerError,
    ClientFileUnusable,
    TokenAnswerInvalid,
    TokenRefused,
    TokenTimeout,
    TokenUnavailable,
)
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Prover


class FailureKind(Enum):
    """Why there is no token."""

    REFUSED = "refused"
    INVALID = "invalid"
    UNREACHABLE = "unreachable"
    SLOW = "slow"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True)
class Granted:
    """The authorization server issued a token.

    Attributes:
        lifetime_s: the earlier of ``expires_in`` and a JWT's ``exp``, or None if neither is stated.
        scope: what was granted, or what was asked for if the answer does not say.
        is_bound: it is useless without proofs of our key (RFC 9449).
        prover: makes these proofs.
        parts: what else came with the token and is used on routes, by name (`core.token.Token.parts`).
    """

    access_token: Secret
    lifetime_s: float | None
    scope: tuple[str, ...]
    is_bound: bool = False
    prover: Prover | None = field(default=None, repr=False, compare=False)
    parts: tuple[tuple[str, Secret], ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no token.

    Attributes:
        reason: a clause of ours, free of foreign text: ``the authorization server answered 503``.
        code: the registered error code in the answer, or empty.
        retry_after_s: how long the server asks us to wait, within bounds, or None.
        status: the status of the answer, or 0 if there was none.
        cause: why, as far as the connection showed it.
        key: the key, below the client, of the file at fault (``tls.ca``), or empty; `reason` begins with it.
        was_sent: part of the request may have reached the server.
    """

    kind: FailureKind
    reason: str
    code: str = ""
    retry_after_s: float | None = None
    status: int = field(default=0, compare=False)
    cause: Cause | None = field(default=None, compare=False)
    key: str = field(default="", compare=False)
    was_sent: bool = field(default=True, compare=False)


Outcome = Granted | Failed


def failure_error(
    failed: Failed, client: ClientName, retry_in_s: float, *, has_waited: bool
) -> AuthorizationServerError:
    """Make a new error for a caller, with ``Retry-After`` in whole seconds, at least one.

    `has_waited` is False for callers who are turned away during the back-off.
    """
    error = _error_class(failed.kind, has_waited=has_waited)
    detail = whole_reason(failed, client) if failed.key else f"client {client}: {failed.reason}"
    return error(detail, retry_after_s=max(1, ceil(retry_in_s)), cause=failed.cause)


def whole_reason(failed: Failed, client: ClientName) -> str:
    """Return what went wrong, with the key in full if there is one: ``clients.crm.tls.ca: ...``."""
    return f"clients.{client}.{failed.reason}" if failed.key else failed.reason


def _error_class(kind: FailureKind, *, has_waited: bool) -> type[AuthorizationServerError]:
    match kind:
        case FailureKind.REFUSED:
            return TokenRefused
        case FailureKind.INVALID:
            return TokenAnswerInvalid
        case FailureKind.UNREACHABLE:
            return TokenUnavailable
        case FailureKind.UNSENT:
            return ClientFileUnusable
        case FailureKind.SLOW:
            return TokenTimeout if has_waited else TokenUnavailable
        case _:
            assert_never(kind)
