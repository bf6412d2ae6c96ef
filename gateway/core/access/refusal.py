"""A refusal as the caller sees it: the error, with the challenges of a 401 (RFC 9110 section 11.6.1).

Rules of RFC 6750 section 3.1: a request without a credential gets a challenge without an error code; a bad
one gets ``invalid_token``, one that is not enough ``insufficient_scope`` with the scope that is. Where a
proof of possession is at issue, the challenge is that of RFC 9449 section 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, assert_never

from gateway.core.access.finding import Fault
from gateway.core.access.outcome import Reason, Refused
from gateway.core.access_errors import (
    CallerFileUnusable,
    CallerNotAllowed,
    CallersTooMany,
    CallerUnverifiable,
    CredentialInvalid,
    CredentialMissing,
    ScopeInsufficient,
    TooManyFailures,
)
from gateway.core.caller import WayName
from gateway.core.errors import GatewayError
from gateway.core.settings.access_settings import JWT_ALGORITHMS

Fields = tuple[tuple[str, str], ...]
BEARER: Final = 'Bearer realm="gateway"'
_DPOP: Final = f'DPoP realm="gateway", error="invalid_dpop_proof", algs="{" ".join(JWT_ALGORITHMS)}"'
BASIC: Final = 'Basic realm="gateway", charset="UTF-8"'


_UNSURE: Final[Mapping[Fault, type[GatewayError]]] = {
    Fault.SERVER: CallerUnverifiable,
    Fault.FILE: CallerFileUnusable,
    Fault.LOAD: CallersTooMany,
}


def api_key_challenge(header: str) -> str:
    """Return the challenge for a key; no scheme is registered for keys in a field of their own."""
    return f'ApiKey realm="gateway", header="{header}"'


def refusal_error(refused: Refused, challenges: Mapping[WayName, str]) -> GatewayError:
    """Return the error for a refusal; `challenges` are those of the route's ways, in the file's order."""
    match refused.reason:
        case Reason.MISSING:
            return CredentialMissing(refused.detail, fields=_asking(challenges.values()))
        case Reason.INVALID:
            blamed = challenges.get(refused.way, "") if refused.way is not None else ""
            asked = _blaming(blamed, challenges.values(), needs_proof=refused.needs_proof)
            return CredentialInvalid(refused.detail, fields=_asking(asked))
        case Reason.SCOPE:
            return ScopeInsufficient(refused.detail, fields=_scope_challenge(refused.scope, challenges))
        case Reason.CONDITION | Reason.TIME | Reason.PLACE:
            return CallerNotAllowed(refused.detail)
        case Reason.SLOWED:
            return TooManyFailures(refused.detail, retry_after_s=refused.retry_after_s)
        case Reason.UNSURE:
            return _UNSURE[refused.fault](refused.detail, retry_after_s=refused.retry_after_s)
        case _:
            assert_never(refused.reason)


def _asking(challenges: Iterable[str]) -> Fields:
    return tuple(("WWW-Authenticate", text) for text in dict.fromkeys(challenges) if text)


def _blaming(blamed: str, challenges: Iterable[str], *, needs_proof: bool) -> Iterator[str]:
    for challenge in challenges:
        is_blamed = challenge == blamed and challenge.startswith(BEARER)
        if is_blamed and needs_proof:
            yield _DPOP
            yield challenge
            continue
        yield f'{challenge}, error="invalid_token"' if is_blamed else challenge


def _scope_challenge(scope: Sequence[str], challenges: Mapping[WayName, str]) -> Fields:
    if BEARER not in challenges.values():
        return ()
    return (("WWW-Authenticate", f'{BEARER}, error="insufficient_scope", scope="{" ".join(scope)}"'),)
