"""Several observers behind one."""

from __future__ import annotations

from typing import Protocol

from gateway.core.http.access_record import AccessRecord, RequestObserver
from gateway.core.oauth.token_events import TokenEvent, TokenObserver


class Observer(RequestObserver, TokenObserver, Protocol):
    """Observes requests and tokens."""


class Fanout:
    """Passes requests to all observers of requests and events to all observers of tokens, in their order."""

    def __init__(self, requests: tuple[RequestObserver, ...], tokens: tuple[TokenObserver, ...]) -> None:
        self._requests = requests
        self._tokens = tokens

    def request_done(self, record: AccessRecord) -> None:
        """Pass the record on."""
        for observer in self._requests:
            observer.request_done(record)

    def told(self, event: TokenEvent) -> None:
        """Pass the event on."""
        for observer in self._tokens:
            observer.told(event)
