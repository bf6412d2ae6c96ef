"""Which of a client's secrets is taken: the one that worked last, then the next one, once.

While a secret is being rotated the authorization server and the file change at different instants; with the
old and the new one side by side it does not matter which is first. A client has one choice, whatever its
grants.
"""

from __future__ import annotations

from gateway.core.client_settings import ClientName, ClientSettings
from gateway.core.oauth.named_secret import SecretName, name_of


class SecretChoice:
    """Remembers for every client which secret worked. Numbers are from 0."""

    def __init__(self) -> None:
        self._first: dict[ClientName, int] = {}
        self._worked: dict[ClientName, SecretName] = {}

    def order(self, client: ClientSettings) -> tuple[int, ...]:
        """Give the secrets to try for one question, at most two."""
        count = len(client.credentials)
        first = self.in_use(client)
        return (first,) if count == 1 else (first, (first + 1) % count)

    def in_use(self, client: ClientSettings) -> int:
        """Give the secret that is tried first."""
        return self._first.get(client.name, 0)

    def took(self, client: ClientSettings, number: int) -> bool:
        """Remember that a secret worked; tell whether another one did before."""
        before = self._worked.get(client.name)
        self._first[client.name] = number
        self._worked[client.name] = name_of(client.credentials, number)
        return number + 1 != (before.number if before is not None else 1)

    def accepted(self, client: ClientSettings) -> SecretName | None:
        """Give the one that the authorization server accepted last, as it was then."""
        return self._worked.get(client.name)

    def refused(self, client: ClientSettings, number: int) -> None:
        """Remember that all that were tried were refused, `number` last: go on from there."""
        self._first[client.name] = number
