"""A token's life as operational records, in plain words. Fingerprints only, never a token."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Final

from gateway.core.client_settings import ClientName
from gateway.core.cut import some_of
from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Failed
from gateway.core.token import Token
from gateway.observe.alike import Alike, CallLater

_LOGGER: Final = logging.getLogger("gateway.token")

_WHY: Final = {
    Reason.FIRST: "there is none yet",
    Reason.EARLY: "the one in use expires soon",
    Reason.EXPIRED: "the last one has expired",
    Reason.REJECTED: "an upstream refused the last one",
    Reason.REPLACED: "the certificate that the one in use is bound to was replaced",
}


class TokenLog:
    """A `TokenObserver` that logs.

    Args:
        servers: where the clients ask; what is alike of one server is summed up.
        call_later: the event loop's; without one everything is told one by one.
    """

    def __init__(
        self, servers: Mapping[ClientName, str] | None = None, call_later: CallLater | None = None
    ) -> None:
        self._servers = servers or {}
        self._alike = Alike(call_later)

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
        """Tell at warning; back-off bounds how often, and what is alike is summed up."""
        cause = error.cause.value if error.cause is not None else ""
        kind = {"error": error.code, "side": error.side.value, "cause": cause}
        server = self._servers.get(client, "")
        key = error.key.removeprefix(f"clients.{client}.")
        if not self._alike.is_told((server, *kind.values(), key), client, partial(_sum_up, server, kind)):
            return
        fields = {"client": client, **kind, "key": error.key, "retry_in_s": round(retry_in_s, 3)}
        _LOGGER.warning(
            "no token: %s (%s%s); the next attempt follows in %.0f s at the earliest",
            error.detail or f"client {client}: {error.title}",  # a detail names the client itself
            error.code,
            f", see {error.key}" if error.key else "",
            retry_in_s,
            extra={"fields": fields},
        )

    def token_rejected(self, client: ClientName, token: Token) -> None:
        """Tell at warning."""
        fields = {"client": client, "token": token.fingerprint}
        _LOGGER.warning(
            "client %s: an upstream refused token %s; it stays in use until another one is here",
            client,
            token.fingerprint,
            extra={"fields": fields},
        )

    def credential_switched(self, client: ClientName, accepted: SecretName) -> None:
        """Tell at warning, with the name of the one that is in use."""
        fields = {
            "client": client,
            "secret": accepted.number,
            "secrets": accepted.of,
            "source": accepted.source,
        }
        _LOGGER.warning(
            "client %s: another secret was refused; %s is accepted and taken first from now on",
            client,
            accepted,
            extra={"fields": fields},
        )

    def credential_kept(self, client: ClientName, reason: str) -> None:
        """Tell at warning, once for each time."""
        _LOGGER.warning(
            "client %s: its key was replaced by what cannot be used, the last good one stays in use: %s",
            client,
            reason,
            extra={"fields": {"client": client}},
        )

    def scope_reduced(self, client: ClientName, missing: tuple[str, ...]) -> None:
        """Tell at warning, once per kind of reduction."""
        fields = {"client": client, "missing_scope": " ".join(missing)}
        _LOGGER.warning(
            "client %s: less scope is granted than was asked, without %s",
            client,
            " ".join(missing),
            extra={"fields": fields},
        )

    def metadata_objected(self, client: ClientName, objections: tuple[str, ...]) -> None:
        """Tell each at warning, and at info that there are none any more."""
        fields = {"client": client}
        if not objections:
            _LOGGER.info(
                "client %s: the issuer's metadata fits its settings now", client, extra={"fields": fields}
            )
        server = self._servers.get(client, "")
        for objection in objections:
            if self._alike.is_told(
                (server, objection), client, partial(_sum_up_objection, server, objection)
            ):
                _LOGGER.warning(
                    "client %s: the issuer's metadata: %s", client, objection, extra={"fields": fields}
                )

    def metadata_kept(self, client: ClientName, failed: Failed) -> None:
        """Tell at warning."""
        _LOGGER.warning(
            "client %s: the issuer's metadata could not be renewed, what is known stays in use: %s",
            client,
            failed.reason,
            extra={"fields": {"client": client}},
        )

    def token_revoked(self, client: ClientName, fingerprint: str, failed: Failed | None) -> None:
        """Tell at info, or at warning that it lives on."""
        fields = {"client": client, "token": fingerprint}
        if failed is None:
            _LOGGER.info("client %s: token %s is revoked", client, fingerprint, extra={"fields": fields})
        else:
            _LOGGER.warning(
                "client %s: token %s could not be revoked and lives on: %s",
                client,
                fingerprint,
                failed.reason,
                extra={"fields": fields},
            )


def _sum_up(server: str, kind: dict[str, str], clients: tuple[ClientName, ...]) -> None:
    fields = {"server": server, "clients": len(clients), **kind}
    _LOGGER.warning(
        "no token either for %d more %s of %s, for the same reason (%s%s): %s",
        len(clients),
        "clients" if len(clients) > 1 else "client",
        server,
        kind["error"],
        f", {kind['cause']}" if kind["cause"] else "",
        some_of(clients),
        extra={"fields": fields},
    )


def _sum_up_objection(server: str, objection: str, clients: tuple[ClientName, ...]) -> None:
    _LOGGER.warning(
        "%d more %s of %s: the issuer's metadata: %s: %s",
        len(clients),
        "clients" if len(clients) > 1 else "client",
        server,
        objection,
        some_of(clients),
        extra={"fields": {"server": server, "clients": len(clients)}},
    )
