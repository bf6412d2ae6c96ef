"""What proves who we are, made anew for every request: a secret, an assertion, a key of bound tokens.

Nothing here raises: what cannot be read or used is an outage of that client, told in a clause of ours. But a
key that was usable stays in use while what replaces it is not: it may be half-written, or its certificate the
old one. What signs is imported by the first client that needs it: who needs no signatures does not pay for
them in memory.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, TypeVar, cast

from gateway.core.cause import Cause
from gateway.core.client_assertion import Occasion, SigningAlgorithm
from gateway.core.client_settings import ClientName, ClientSettings, SecretReader
from gateway.core.client_trouble import credential_key
from gateway.core.objections import UsedAlgorithms
from gateway.core.secret import Secret
from gateway.core.token_outcome import Failed, FailureKind
from gateway.oauth.transport import trust_of
from gateway.trust import signature_of

if TYPE_CHECKING:
    from gateway.oauth.client_authentication import Signer
    from gateway.oauth.dpop import DpopKey

Key = TypeVar("Key", "Signer", "DpopKey")
TellKept = Callable[[ClientName, str], None]

DPOP_KEY: Final = "dpop_private_key"
UNREADABLE: Final = "it cannot be read"
UNFIT: Final = "it cannot stand in a token request"


def unusable(key: str, complaint: str) -> Failed:
    """Give the failure of a client whose `key` names, or holds, what cannot be used."""
    return Failed(FailureKind.UNSENT, f"{key}: {complaint}", cause=Cause.FILE_UNUSABLE, key=key)


def random_jti() -> str:
    """Give an identifier that is used once."""
    return secrets.token_urlsafe(16)  # 128 bits: no two are ever equal


class Proofs:
    """Makes the proofs of all clients of a process."""

    def __init__(
        self, wall_s: Callable[[], float], new_jti: Callable[[], str], tell_kept: TellKept = lambda *_: None
    ) -> None:
        """`tell_kept` is told once of each key that stays in use, and why the new one cannot be used."""
        self._wall_s = wall_s
        self._new_jti = new_jti
        self._tell_kept = tell_kept
        self._own_keys: dict[ClientName, DpopKey] = {}
        self._good: dict[Hashable, Signer | DpopKey] = {}
        self._kept: set[Hashable] = set()

    def of_client(self, client: ClientSettings, number: int, token_endpoint: str) -> Secret | Failed:
        """Give what goes out: the client's `number`-th secret, or an assertion made for this one request."""
        try:
            credential = client.credentials[number]()
            if client.grant.assertion is None:
                return credential
            return self._signed(client, number, credential, token_endpoint)
        except (OSError, ValueError):
            return unusable(credential_key(client), UNREADABLE)

    def dpop_key(self, client: ClientSettings) -> DpopKey | Failed | None:
        """Give the key that the next token is bound to; None where tokens are bound to none."""
        settings = client.grant.dpop
        if settings is None:
            return None
        from gateway.oauth import dpop
        from gateway.oauth.signing_key import CredentialUnusable

        def read() -> DpopKey:
            assert client.dpop_key is not None
            return dpop.read_dpop_key(client.dpop_key(), settings, self._wall_s, self._new_jti)

        try:
            if client.dpop_key is not None:
                return self._usable(client, (client.name, settings), read)
            if client.name not in self._own_keys:
                self._own_keys[client.name] = dpop.make_dpop_key(settings, self._wall_s, self._new_jti)
            return self._own_keys[client.name]
        except CredentialUnusable as wrong:
            return unusable(DPOP_KEY, f"the client cannot prove possession of its key: {wrong}")
        except (OSError, ValueError):
            return unusable(DPOP_KEY, UNREADABLE)

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

    def _signed(
        self, client: ClientSettings, number: int, credential: Secret, token_endpoint: str
    ) -> Secret | Failed:
        from gateway.oauth.client_authentication import signer_of
        from gateway.oauth.signing_key import CredentialUnusable

        grant = client.grant
        use = (client.name, number, grant.method, grant.assertion)
        try:
            signer = self._usable(client, use, lambda: signer_of(grant, credential))
        except CredentialUnusable as wrong:
            return unusable(
                wrong.key or credential_key(client), f"the client cannot sign its assertion: {wrong}"
            )
        return signer.assertion(grant, Occasion(token_endpoint, self._wall_s(), self._new_jti()))

    def _usable(self, client: ClientSettings, use: Hashable, read: Callable[[], Key]) -> Key:
        """Give what is read now, or what was usable last.

        Raises:
            CredentialUnusable: neither can be used.
        """
        from gateway.oauth.signing_key import CredentialUnusable

        try:
            self._good[use] = key = read()
        except CredentialUnusable as unusable:
            if use not in self._good:
                raise
            if use not in self._kept:
                self._kept.add(use)
                self._tell_kept(client.name, str(unusable))
            return cast("Key", self._good[use])
        self._kept.discard(use)
        return key


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
