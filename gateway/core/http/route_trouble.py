"""What is wrong between a route and its upstream, for the operator: whose fault, why, which key to check.

The key is usually one below the route. If the upstream refuses new tokens, it is the client's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.core.cause import TLS_KEYS, Cause
from gateway.core.errors import (
    RouteTimeout,
    Side,
    UpstreamAnswerTooLarge,
    UpstreamConnectTimeout,
    UpstreamError,
    UpstreamProxyFailed,
    UpstreamProxyLeadsNowhere,
    UpstreamTimeout,
)

TOKENS_REFUSED: Final = "tokens_refused"
"""Stands in for an error code: the upstream's own responses passed."""
_KEYS: Final[dict[type[UpstreamError], str]] = {
    UpstreamConnectTimeout: "timeouts.connect",
    UpstreamProxyFailed: "proxy",
    UpstreamProxyLeadsNowhere: "proxy",
    UpstreamTimeout: "timeouts.response",
    RouteTimeout: "timeout",
}


@dataclass(frozen=True, slots=True)
class RouteTrouble:
    """Why requests of a route fail.

    Attributes:
        code: the code of the error that callers get.
        key: the full path of the key in `gateway.yaml`.
        reason: one sentence, without foreign text.
    """

    side: Side
    code: str
    cause: Cause | None
    key: str
    reason: str

    @property
    def kind(self) -> tuple[str, Cause | None]:
        """What distinguishes one trouble from another."""
        return self.code, self.cause

    @property
    def cause_word(self) -> str:
        """The word of the cause or, if there is none, the code of the error."""
        return self.cause.value if self.cause is not None else self.code


def trouble_of(error: UpstreamError, place: str, group: str = "") -> RouteTrouble:
    """Say what an error means for its route.

    Args:
        error: what was raised.
        place: where the route is defined, as ``routes[0]``.
        group: the name of its group of addresses, if it has one.
    """
    reason = error.detail or error.title
    return RouteTrouble(error.side, error.code, error.cause, _key(error, place, group), reason)


def refused_tokens(client: str) -> RouteTrouble:
    """Say that the upstream refuses new tokens."""
    return RouteTrouble(
        Side.UPSTREAM,
        TOKENS_REFUSED,
        Cause.TOKENS_REFUSED,
        f"clients.{client}.scope, clients.{client}.audience",
        "the upstream refuses tokens that are new and alive; do issuer, audience and scope fit?",
    )


def _key(error: UpstreamError, place: str, group: str) -> str:
    if isinstance(error, UpstreamAnswerTooLarge):
        return "limits.header_bytes"
    key = error.key or _KEYS.get(type(error)) or (TLS_KEYS.get(error.cause) if error.cause else None)
    if group and (key is None or key == "proxy" or key.startswith("tls.")):
        return f"upstreams.{group}.{key or 'addresses'}"
    return f"{place}.{key or 'upstream'}"
