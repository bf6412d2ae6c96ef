"""What proves who we are, made anew for every request: a secret, an assertion, a key of bound tokens.

Nothing here raises: what cannot be read or used is an outage of that client, told in a clause of ours. What
signs is imported by the first client that needs it: who needs no signatures does not pay for them in memory.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final

from gateway.core.client_assertion import Occasion, SigningAlgorithm
from gateway.core.client_settings import ClientName, ClientSettings, SecretReader
from gateway.core.objections import UsedAlgorithms
from gateway.core.secret import Secret
from gateway.core.token_outcome import Failed, FailureKind
from gateway.oauth.transport import trust_of
from gateway.trust import signature_of

if TYPE_CHECKING:
    from gateway.oauth.dpop import DpopKey

SECRET_UNREADABLE: Final = Failed(FailureKind.UNREACHABLE, "the client's secret cannot be read")
DPOP_KEY_UNREADABLE: Final = Failed(FailureKind.UNREACHABLE, "the client's dpop_private_key cannot be read")


def random_jti() -> str:
    """Give an identifier that is used once."""
    return secrets.token_urlsafe(16)  # 128 bits: no two are ever equal


class Proofs:
    """Makes the proofs of all clients of a process."""

    def __init__(self, wall_s: Callable[[], float], new_jti: Callable[[], str]) -> None:
        self._wall_s = wall_s
        self._new_jti = new_jti
        self._own_keys: dict[ClientName, DpopKey] = {}

    def of_client(self, client: ClientSettings, number: int, token_endpoint: str) -> Secret | Failed:
        """Give what goes out: the client's `number`-th secret, or an assertion made for this one request."""
        try:
            credential = client.credentials[number]()
            if client.grant.assertion is None:
                return credential
            return self._signed(client, credential, token_endpoint)
        except (OSError, ValueError):
            return SECRET_UNREADABLE

    def dpop_key(self, client: ClientSettings) -> DpopKey | Failed | None:
        """Give the key that the next token is bound to; None where tokens are bound to none."""
        settings = client.grant.dpop
        if settings is None:
            return None
        from gateway.oauth import dpop
        from gateway.oauth.signing_key import CredentialUnusable

        try:
            if client.dpop_key is not None:
                return dpop.read_dpop_key(client.dpop_key(), settings, self._wall_s, self._new_jti)
            if client.name not in self._own_keys:
                self._own_keys[client.name] = dpop.make_dpop_key(settings, self._wall_s, self._new_jti)
            return self._own_keys[client.name]
        except CredentialUnusable as unusable:
            return Failed(
                FailureKind.UNREACHABLE, f"the client cannot prove possession of its key: {unusable}"
            )
        except (OSError, ValueError):
            return DPOP_KEY_UNREADABLE

    def used_algorithms(self, client: ClientSettings) -> UsedAlgorithms:
        """Give what signs with the keys as they are now; nothing is said of one that cannot be used."""
        key = self.dpop_key(client)
        dpop = key.algorithm if key is not None and not isinstance(key, Failed) else None
        return UsedAlgorithms(_assertion_algorithm(client), dpop)

    @staticmethod
    def mark(client: ClientSettings) -> Hashable:
        """Give a value that changes when anything was replaced that the client proves itself with."""
        readers = (*client.credentials, client.dpop_key)
        assertion = client.grant.assertion
        files = [] if assertion is None or assertion.certificate is None else [assertion.certificate]
        return tuple(map(_reading, readers)), signature_of((*trust_of(client).files, *files))

    def _signed(self, client: ClientSettings, credential: Secret, token_endpoint: str) -> Secret | Failed:
        from gateway.oauth.client_authentication import signed_assertion
        from gateway.oauth.signing_key import CredentialUnusable

        occasion = Occasion(token_endpoint, self._wall_s(), self._new_jti())
        try:
            return signed_assertion(client.grant, credential, occasion)
        except CredentialUnusable as unusable:
            return Failed(FailureKind.UNREACHABLE, f"the client cannot sign its assertion: {unusable}")


def _assertion_algorithm(client: ClientSettings) -> SigningAlgorithm | None:
    settings = client.grant.assertion
    if settings is None:
        return None
    from gateway.oauth.client_authentication import read_key

    try:
        key = read_key(client.grant.method, client.credentials[0](), settings)
        return key.algorithm(settings.algorithm)
    except (OSError, ValueError):  # CredentialUnusable among them
        return None


def _reading(reader: SecretReader | None) -> Secret | None:
    try:
        return None if reader is None else reader()
    except (OSError, ValueError):
        return None
