"""A token's life as operational records, in plain words. Fingerprints only, never a token."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from logging import DEBUG, INFO, WARNING
from typing import Final, assert_never

from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    Reason,
    ScopeReduced,
    TokenEvent,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.core.settings.client_settings import ClientName
from gateway.core.text.cut import some_of
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
        servers: where each client requests its tokens; what is alike for one server is summed up.
        call_later: the event loop's; without it everything is logged one by one.
    """

    def __init__(
        self, servers: Mapping[ClientName, str] | None = None, call_later: CallLater | None = None
    ) -> None:
        self._servers = servers or {}
        self._alike = Alike(call_later)

    def go_on(self, servers: Mapping[ClientName, str]) -> None:
        """Know where each client requests its tokens from now on."""
        self._servers = servers

    def told(self, event: TokenEvent) -> None:
        """Log an event: at warning if it may need a human, below that if it is in order."""
        match event:
            case TokenRequested():
                _log_request(event)
            case TokenObtained():
                _log_token(event)
            case TokenFailed():
                self._log_failure(event)
            case TokenRejected():
                _log_rejection(event)
            case TokenRevoked():
                _log_revocation(event)
            case CredentialSwitched():
                _log_switch(event)
            case CredentialKept() | MetadataKept():
                _log_kept(event)
            case ScopeReduced():
                _log_scope(event)
            case MetadataObjected():
                self._log_objections(event)
            case _:
                assert_never(event)

    def _log_failure(self, event: TokenFailed) -> None:
        """Log a failed token request. Back-off bounds how often that happens; what is alike is summed up."""
        client, error = event.client, event.error
        cause = error.cause.value if error.cause is not None else ""
        kind = {"error": error.code, "side": error.side.value, "cause": cause}
        server = self._servers.get(client, "")
        key = error.key.removeprefix(f"clients.{client}.")
        if not self._alike.is_told((server, *kind.values(), key), client, partial(_sum_up, server, kind)):
            return
        fields = {"client": client, **kind, "key": error.key, "retry_in_s": round(event.retry_in_s, 3)}
        _LOGGER.warning(
            "no token: %s (%s%s); next attempt in %.0f s at the earliest",
            error.detail or f"client {client}: {error.title}",  # a detail names the client itself
            error.code,
            f", see {error.key}" if error.key else "",
            event.retry_in_s,
            extra={"fields": fields},
        )

    def _log_objections(self, event: MetadataObjected) -> None:
        if not event.objections:
            _log(INFO, event.client, {}, "the issuer's metadata now fits its settings")
        server = self._servers.get(event.client, "")
        for objection in event.objections:
            sum_up = partial(_sum_up_objection, server, objection)
            if self._alike.is_told((server, objection), event.client, sum_up):
                _log(WARNING, event.client, {}, "the issuer's metadata: %s", objection)


def _log_request(event: TokenRequested) -> None:
    fields = {"reason": event.reason.value}
    _log(DEBUG, event.client, fields, "requesting a token, because %s", _WHY[event.reason])


def _log_token(event: TokenObtained) -> None:
    token, lifetime_s = event.token.fingerprint, event.lifetime_s
    fields = {"token": token, "lifetime_s": lifetime_s, "took_ms": round(event.took_s * 1000, 3)}
    _log(INFO, event.client, fields, "token %s obtained, valid for %.0f s", token, lifetime_s)


def _log_rejection(event: TokenRejected) -> None:
    token = event.token.fingerprint
    words = "an upstream refused token %s; it stays in use until its successor arrives"
    _log(WARNING, event.client, {"token": token}, words, token)


def _log_revocation(event: TokenRevoked) -> None:
    token, failed = event.fingerprint, event.failed
    if failed is None:
        _log(INFO, event.client, {"token": token}, "token %s was revoked", token)
    else:
        words = "token %s could not be revoked, and stays valid: %s"
        _log(WARNING, event.client, {"token": token}, words, token, failed.reason)


def _log_switch(event: CredentialSwitched) -> None:
    accepted = event.accepted
    fields = {"secret": accepted.number, "secrets": accepted.of, "source": accepted.source}
    words = "another secret was refused; %s was accepted, and is tried first from now on"
    _log(WARNING, event.client, fields, words, accepted)


def _log_kept(event: CredentialKept | MetadataKept) -> None:
    if isinstance(event, CredentialKept):
        words = "its key was replaced by one that cannot be used; the last good one stays in use: %s"
        _log(WARNING, event.client, {}, words, event.reason)
    else:
        words = "the issuer's metadata could not be renewed; the known metadata stays in use: %s"
        _log(WARNING, event.client, {}, words, event.failed.reason)


def _log_scope(event: ScopeReduced) -> None:
    missing = " ".join(event.missing)
    words = "less scope was granted than requested: %s is missing"
    _log(WARNING, event.client, {"missing_scope": missing}, words, missing)


def _log(level: int, client: ClientName, fields: Mapping[str, object], words: str, *values: object) -> None:
    words = f"client %s: {words}"
    _LOGGER.log(level, words, client, *values, extra={"fields": {"client": client, **fields}})


def _sum_up(server: str, kind: dict[str, str], clients: tuple[ClientName, ...]) -> None:
    fields = {"server": server, "clients": len(clients), **kind}
    _LOGGER.warning(
        "no token for %d more %s of %s either, for the same reason (%s%s): %s",
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
