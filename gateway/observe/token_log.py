"""A token's life as operational records, in plain words. Fingerprints only, never a token."""

from __future__ import annotations

import logging
from typing import Final

from gateway.core.errors import AuthorizationServerError
from gateway.core.record import Reason
from gateway.core.settings import ClientName
from gateway.core.token import Token

_LOGGER: Final = logging.getLogger("gateway.token")

_WHY: Final = {
    Reason.FIRST: "there is none yet",
    Reason.EARLY: "the one in use expires soon",
    Reason.EXPIRED: "the last one has expired",
    Reason.REJECTED: "an upstream refused the last one",
}


class TokenLog:
    """A `TokenObserver` that logs."""

    def token_requested(self, client: ClientName, reason: Reason) -> None:
        """Tell at debug: the outcome follows."""
        fields = {"client": client, "reason": reason.value}
        _LOGGER.debug(
            "client %s: a token is requested, because %s", client, _WHY[reason], extra={"fields": fields}
        )

    def token_obtained(self, client: ClientName, token: Token, lifetime_s: float, took_s: float) -> None:
        """Tell at info."""
        fields = {
            "client": client,
            "token": token.fingerprint,
            "lifetime_s": lifetime_s,
            "took_ms": round(took_s * 1000, 3),
        }
        _LOGGER.info(
            "client %s: token %s obtained, it lives %.0f s",
            client,
            token.fingerprint,
            lifetime_s,
            extra={"fields": fields},
        )

    def token_failed(self, client: ClientName, error: AuthorizationServerError, retry_in_s: float) -> None:
        """Tell at warning; back-off bounds how often."""
        fields = {"client": client, "error": error.code, "retry_in_s": round(retry_in_s, 3)}
        _LOGGER.warning(
            "no token: %s (%s); the next attempt follows in %.0f s at the earliest",
            error.detail or f"client {client}: {error.title}",  # a detail names the client itself
            error.code,
            retry_in_s,
            extra={"fields": fields},
        )

    def token_rejected(self, client: ClientName, token: Token) -> None:
        """Tell at warning."""
        fields = {"client": client, "token": token.fingerprint}
        _LOGGER.warning(
            "client %s: an upstream refused token %s, it is dropped",
            client,
            token.fingerprint,
            extra={"fields": fields},
        )
