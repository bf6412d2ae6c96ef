"""Several observers behind one."""

from __future__ import annotations

from typing import Protocol

from gateway.core.client_settings import ClientName
from gateway.core.errors import AuthorizationServerError
from gateway.core.http.access_record import AccessRecord, RequestObserver
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import Reason, TokenObserver
from gateway.core.oauth.token_outcome import Failed
from gateway.core.token import Token


class Observer(RequestObserver, TokenObserver, Protocol):
    """Is told of requests and of tokens."""


class Fanout:
    """Tells every request observer of requests and every token observer of tokens, in their order."""

    def __init__(self, requests: tuple[RequestObserver, ...], tokens: tuple[TokenObserver, ...]) -> None:
        self._requests = requests
        self._tokens = tokens

    def request_done(self, record: AccessRecord) -> None:
        """Pass it on."""
        for observer in self._requests:
            observer.request_done(record)

    def token_requested(self, client: ClientName, reason: Reason) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.token_requested(client, reason)

    def token_obtained(self, client: ClientName, token: Token, lifetime_s: float, took_s: float) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.token_obtained(client, token, lifetime_s, took_s)

    def token_failed(self, client: ClientName, error: AuthorizationServerError, retry_in_s: float) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.token_failed(client, error, retry_in_s)

    def token_rejected(self, client: ClientName, token: Token) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.token_rejected(client, token)

    def credential_switched(self, client: ClientName, accepted: SecretName) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.credential_switched(client, accepted)

    def credential_kept(self, client: ClientName, reason: str) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.credential_kept(client, reason)

    def scope_reduced(self, client: ClientName, missing: tuple[str, ...]) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.scope_reduced(client, missing)

    def metadata_objected(self, client: ClientName, objections: tuple[str, ...]) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.metadata_objected(client, objections)

    def metadata_kept(self, client: ClientName, failed: Failed) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.metadata_kept(client, failed)

    def token_revoked(self, client: ClientName, fingerprint: str, failed: Failed | None) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.token_revoked(client, fingerprint, failed)
