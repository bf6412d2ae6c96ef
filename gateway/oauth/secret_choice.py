"""Choose among a client's secrets: the one that worked last, then the next one, once.

During a rotation the authorization server and the file change at different times. With the old and the new
secret side by side it does not matter which changes first. All grants of a client share one choice.
"""

from __future__ import annotations

from gateway.core.oauth.named_secret import SecretName, name_of
from gateway.core.settings.client_settings import ClientName, ClientSettings


class SecretChoice:
    """Remembers which secret of each client worked. Numbers start at 0."""

    def __init__(self) -> None:
        self._first: dict[ClientName, int] = {}
        self._worked: dict[ClientName, SecretName] = {}

    def order(self, client: ClientSettings) -> tuple[int, ...]:
        """Return the secrets to try in one token request, at most two."""
        count = len(client.credentials)
        first = self.in_use(client)
        return (first,) if count == 1 else (first, (first + 1) % count)

    def in_use(self, client: ClientSettings) -> int:
        """Return the secret that is tried first."""
        return self._first.get(client.name, 0)

    def took(self, client: ClientSettings, number: int) -> bool:
        """Note that a secret worked; return whether another one did before."""
        before = self._worked.get(client.name)
        self._first[client.name] = number
        self._worked[client.name] = name_of(client.credentials, number)
        return number + 1 != (before.number if before is not None else 1)

    def accepted(self, client: ClientSettings) -> SecretName | None:
        """Return the secret that the authorization server accepted last, as it was then."""
        return self._worked.get(client.name)

    def refused(self, client: ClientSettings, number: int) -> None:
        """Note that all secrets tried were refused, `number` last, so that the next request starts there."""
        self._first[client.name] = number
