"""What signs who calls in a worker: the key that the keeper tells, and has published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.crew.records import IdentityKeyIs
from gateway.core.secret import Secret

if TYPE_CHECKING:
    from gateway.oauth.identity_key import IdentityKey


class ToldSigner:
    """Implements `core.settings.identity_jwt.IdentitySigner`.

    Attributes:
        generation: as there.
    """

    def __init__(self) -> None:
        self._key: IdentityKey | None = None
        self.generation = 0

    def __repr__(self) -> str:
        return f"<ToldSigner: {self._key}>"

    def take(self, told: IdentityKeyIs) -> None:
        """Sign with this key from now on; without a keeper it goes on as it is."""
        # Only where somebody signs: it brings cryptography.
        from gateway.oauth.identity_key import read_identity_key  # noqa: PLC0415

        key = read_identity_key(Secret(told.pem))
        if self._key is None or key.kid != self._key.kid:
            self._key = key
            self.generation += 1

    def sign(self, claims: bytes) -> bytes:
        """Return the JWT with these claims."""
        assert self._key is not None, "the keeper tells the key before the routes that need it"
        return self._key.sign(claims)
