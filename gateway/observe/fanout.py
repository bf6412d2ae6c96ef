"""Several observers behind one."""

from __future__ import annotations

from typing import Protocol

from gateway.core.http.access_record import AccessRecord, RequestObserver
from gateway.core.oauth.token_events import TokenEvent, TokenObserver


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

    def told(self, event: TokenEvent) -> None:
        """Pass it on."""
        for observer in self._tokens:
            observer.told(event)
