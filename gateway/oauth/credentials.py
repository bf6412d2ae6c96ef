"""What authenticates a client, made anew for every request: a secret, an assertion, a proof of possession.

Rules:

- Nothing here raises. A credential that cannot be read or used is an outage of its client, with a reason in
  words of ours.
- A key that was usable stays in use while its replacement is not: that may be half-written, or its
  certificate may still be the old one.
- Each client's keys are parsed once, and again when their text or certificate is replaced, however many
  clients there are.
- The libraries that sign are imported by the first client that needs them: who signs nothing does not pay
  for them in memory.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from gateway.core.cause import Cause
from gateway.core.oauth.client_assertion import Occasion
from gateway.core.oauth.client_trouble import credential_key
from gateway.core.oauth.objections import UsedAlgorithms
from gateway.core.oauth.token_events import CredentialKept
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.oauth.token_request import BuiltRequest, build_request_about
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import (
    ClientName,
    ClientSettings,
    Grant,
    SecretReader,
    TlsFiles,
)
from gateway.core.settings.signing_settings import AssertionSettings, DpopSettings, SigningAlgorithm
from gateway.oauth.transport import trust_in_server
from gateway.system.aside import Aside
from gateway.system.regular_file import Stamps, stamps_of
from gateway.tls.pem_files import Pair

if TYPE_CHECKING:
    from gateway.oauth.client_authentication import Signer
    from gateway.oauth.dpop_key import DpopKey

Key = TypeVar("Key", "Signer", "DpopKey")
Tell = Callable[[CredentialKept], None]

DPOP_KEY: Final = "dpop_private_key"
UNREADABLE: Final = "it cannot be read"
UNFIT: Final = "it cannot be sent in a token request"


def unusable(key: str, complaint: str) -> Failed:
    """Return the failure of a client whose `key` holds, or names, something that cannot be used."""
    return Failed(FailureKind.UNSENT, f"{key}: {complaint}", cause=Cause.FILE_UNUSABLE, key=key)


def random_jti() -> str:
    """Return an identifier that is never used again."""
    return secrets.token_urlsafe(16)  # 128 bits: no two are ever equal


@dataclass(frozen=True, slots=True)
class _Good:
    """The last usable key, and what it was made of."""

    made_of: Hashable
    key: Signer | DpopKey


class Credentials:
    """Makes the proofs of all clients of a process."""

    def __init__(
        self,
        wall_s: Callable[[], float],
        new_jti: Callable[[], str],
        tell: Tell = lambda _: None,
        aside: Aside | None = None,
    ) -> None:
        """`tell` is called once for each key that stays in use because its replacement cannot be used."""
        self._aside = aside or Aside()
        self._wall_s = wall_s
        self._new_jti = new_jti
        self._tell = tell
        self._own_keys: dict[ClientName, DpopKey] = {}
        self._good: dict[Hashable, _Good] = {}
        self._kept: set[Hashable] = set()
        self._shown: dict[TlsFiles, tuple[Stamps, bytes]] = {}
        self._used: dict[tuple[ClientName, AssertionSettings | DpopSettings | None], SigningAlgorithm] = {}

    def of_client(self, client: ClientSettings, number: int, token_endpoint: str) -> Secret | Failed:
        """Return what to send: the client's `number`-th secret, or an assertion for this one request."""
        try:
            credential = client.credentials[number]()
            if client.grant.assertion is None:
                return credential
            return self._signed(client, number, credential, token_endpoint)
        except (OSError, ValueError):
            return unusable(credential_key(client), UNREADABLE)

    @staticmethod
    def grant_now(client: ClientSettings) -> Grant | Failed:
        """Return the client's grant with the values as they are now that are composed of references."""
        grant = client.grant
        for each in client.referenced:
            try:
                grant = each.exchanged(grant, each.read().reveal())
            except (OSError, ValueError):
                return unusable(each.key, UNREADABLE)
        return grant

    def request_about(
        self, client: ClientSettings, number: int, audience: str, token: Secret
    ) -> BuiltRequest | Failed:
        """Return a request about a token (RFC 7009, RFC 7662), with what `of_client` gives as proof."""
        grant = self.grant_now(client)
        if isinstance(grant, Failed):
            return grant
        proof = self.of_client(client, number, audience)
        if isinstance(proof, Failed):
            return proof
        try:
            return build_request_about(grant, proof, token)
        except ValueError:
            return unusable(credential_key(client), UNFIT)

    async def dpop_key(self, client: ClientSettings) -> DpopKey | Failed | None:
        """Return the key that the next token is bound to; None where tokens are bound to none."""
        settings = client.grant.dpop
        if settings is None:
            return None
        from gateway.oauth.signing_key import CredentialUnusable

        try:
            key = await self._dpop_key(client, settings)
        except CredentialUnusable as wrong:
            return unusable(DPOP_KEY, f"the client cannot prove possession of its key: {wrong}")
        except (OSError, ValueError):
            return unusable(DPOP_KEY, UNREADABLE)
        self._used[client.name, settings] = key.algorithm
        return key

    async def _dpop_key(self, client: ClientSettings, settings: DpopSettings) -> DpopKey:
        from gateway.oauth import dpop_key as dpop

        if client.dpop_key is None:
            return await self._own_key(client.name, settings)
        text = client.dpop_key()
        read = partial(dpop.read_dpop_key, text, settings, self._wall_s, self._new_jti)
        return self._usable(client, (client.name, settings), text, read)

    async def _own_key(self, client: ClientName, settings: DpopSettings) -> DpopKey:
        from gateway.oauth import dpop_key as dpop

        def make() -> DpopKey:
            if client not in self._own_keys:  # another grant's request may have made it meanwhile
                self._own_keys[client] = dpop.make_dpop_key(settings, self._wall_s, self._new_jti)
            return self._own_keys[client]

        algorithm = settings.algorithm
        if client in self._own_keys or algorithm is None or not algorithm.is_rsa:
            return make()
        return await self._aside.run(make)  # an RSA key takes 40 to 400 ms

    def used_algorithms(self, client: ClientSettings) -> UsedAlgorithms:
        """Return the algorithms that the client's keys last signed with; no key is read for this."""
        name, grant = client.name, client.grant
        return UsedAlgorithms(self._used.get((name, grant.assertion)), self._used.get((name, grant.dpop)))

    def certificate_mark(self, client: ClientSettings) -> bytes:
        """Return a value that changes with the client's certificate or its key; empty if it has none.

        It stays the same if files are replaced by others with the same contents: all files of a volume are
        swapped together.
        """
        ours = client.grant.certificate
        if ours is None:
            return b""
        stamps, known = stamps_of((ours.certificate, ours.key)), self._shown.get(ours)
        if known is not None and known[0] == stamps:
            return known[1]
        try:
            digest = Pair.of(ours).digest
        except OSError:  # a file that cannot be read replaces nothing
            digest = b"" if known is None else known[1]
        self._shown[ours] = stamps, digest
        return digest

    @staticmethod
    def credentials_mark(client: ClientSettings) -> Hashable:
        """Return a value that changes when anything is replaced that authenticates the client."""
        readers = (*client.credentials, client.dpop_key, *(each.read for each in client.referenced))
        assertion = client.grant.assertion
        files = [] if assertion is None or assertion.certificate is None else [assertion.certificate]
        return tuple(map(_reading, readers)), stamps_of((*trust_in_server(client).files, *files))

    def _signed(
        self, client: ClientSettings, number: int, credential: Secret, token_endpoint: str
    ) -> Secret | Failed:
        from gateway.oauth.signing_key import CredentialUnusable

        try:
            signer = self._signer(client, number, credential)
        except CredentialUnusable as wrong:
            return unusable(
                wrong.key or credential_key(client), f"the client cannot sign its assertion: {wrong}"
            )
        self._used[client.name, client.grant.assertion] = signer.algorithm
        return signer.assertion(client.grant, Occasion(token_endpoint, self._wall_s(), self._new_jti()))

    def _signer(self, client: ClientSettings, number: int, credential: Secret) -> Signer:
        from gateway.oauth.client_authentication import signer_of

        grant = client.grant
        assert grant.assertion is not None
        certificate = grant.assertion.certificate
        made_of = credential, None if certificate is None else stamps_of((certificate,))
        use = client.name, number, grant.method, grant.assertion
        return self._usable(client, use, made_of, lambda: signer_of(grant, credential))

    def _usable(
        self, client: ClientSettings, use: Hashable, made_of: Hashable, read: Callable[[], Key]
    ) -> Key:
        """Return the key as it is now, or the last usable one.

        Raises:
            CredentialUnusable: neither can be used.
        """
        from gateway.oauth.signing_key import CredentialUnusable

        known = self._good.get(use)
        if known is None or known.made_of != made_of:
            try:
                known = self._good[use] = _Good(made_of, read())
            except CredentialUnusable as wrong:
                if known is None:
                    raise
                if use not in self._kept:
                    self._kept.add(use)
                    self._tell(CredentialKept(client.name, str(wrong)))
                return cast("Key", known.key)
        self._kept.discard(use)
        return cast("Key", known.key)


def _reading(reader: SecretReader | None) -> Secret | None:
    try:
        return None if reader is None else reader()
    except (OSError, ValueError):
        return None
