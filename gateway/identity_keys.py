"""The keys that sign who calls (`identity_jwt`): the one in use, and those whose signatures may still count.

Rules:

- A key is published before it signs anything. One that signs no more stays published until the last JWT that
  it signed has expired, and for `SKEW_S` more, for clocks that are behind and workers that are told late.
- A file that is replaced by another key is noticed within a second, and published at once. It signs from
  then on, or `publish_ahead` later, for upstreams that ask for keys only now and then.
- A file that becomes unusable changes nothing: the key in use goes on, and whoever watches files is told.
- Without a file the key is made here. It lives in memory, survives reloads, and is lost with the process.
- Only public halves are ever shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.core.oauth.named_secret import NamedReader, WatchedFile
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import SecretReader
from gateway.core.settings.identity_jwt import IdentityKeySettings, KeysLeft, RetiredKey

if TYPE_CHECKING:
    from gateway.oauth.identity_key import IdentityKey

SKEW_S: Final = 60.0
NAME: Final = "identity_jwt.key"

_LOGGER: Final = logging.getLogger("gateway.identity")


class IdentityKeyUnusable(OSError):
    """There is no key to sign with; the message names the configuration key, and says why."""


class KeyFile:
    """A file that the key is read from. A `WatchedFile`; what its text is worth, the keys know."""

    def __init__(self, file: WatchedFile, keys: IdentityKeys) -> None:
        self._file = file
        self._keys = keys

    @property
    def path(self) -> str:
        """Where it is."""
        return self._file.path

    @property
    def changed_at_s(self) -> float:
        """When it was last changed."""
        return self._file.changed_at_s

    @property
    def trouble(self) -> str:
        """Why its present content cannot be used, or empty."""
        return self._file.trouble or self._keys.trouble

    @property
    def readings(self) -> int:
        """How often a key was read."""
        return self._keys.readings

    def look(self) -> None:
        """Check whether it was replaced."""
        self._keys.look()


@dataclass(frozen=True, slots=True)
class PreparedKey:
    """The key for other settings; None if they have none.

    Attributes:
        text: what it was read from. The file may have been replaced since.
    """

    key: IdentityKey | None = None
    text: Secret | None = None


class IdentityKeys:
    """Implements `core.settings.identity_jwt.IdentitySigner` for a process that has the keys.

    Args:
        wall_s: the time, in seconds since 1970.
        left: what the process before this one has left.

    Attributes:
        generation: as in `IdentitySigner`.
        on_change: is told when another key has come into use, or none is any more.
        trouble: why what the file holds now is no key; empty if it is one.
        readings: how often a key was read from it.
    """

    def __init__(self, wall_s: Callable[[], float], left: KeysLeft | None = None) -> None:
        self._wall_s = wall_s
        self._key = _read(left.pem) if left is not None and left.pem is not None else None
        self._last = self._key
        self._is_made = left is not None and left.is_made
        self._lifetime_s = left.lifetime_s if left is not None else 0.0
        self._retired = list(left.retired) if left is not None else []
        self._next: tuple[IdentityKey, float] | None = None
        self._ahead_s = 0.0
        self._reader: SecretReader | None = None
        self._tried: Secret | None = None
        self.generation = 0
        self.on_change: Callable[[], None] = lambda: None
        self.trouble = ""
        self.readings = 0

    def __repr__(self) -> str:
        return f"<IdentityKeys: {self._key}, {len(self._retired)} retired>"

    # ── what gates and the admin listener ask ─────────────────────────────────────────────────────

    def sign(self, claims: bytes) -> bytes:
        """Return the JWT with these claims."""
        key = self._key or self._last  # of a request that waits on a route which has just gone
        assert key is not None, "routes that sign come with a key"
        return key.sign(claims)

    def published(self) -> Sequence[Mapping[str, str]]:
        """Return the public keys, as a key set has them (RFC 7517 section 4)."""
        now_s = self._wall_s()
        self._retired = [each for each in self._retired if now_s < each.until_s]
        keys = [self._key.public] if self._key is not None else []
        keys += [self._next[0].public] if self._next is not None else []
        keys += [
            dict(each.jwk) for each in self._retired if self._next is None or not _is(each, self._next[0])
        ]
        return keys

    # ── configurations ────────────────────────────────────────────────────────────────────────────

    def begin(self, settings: IdentityKeySettings | None) -> None:
        """Use the first settings; if their key cannot be used, the one that was left goes on.

        Raises:
            IdentityKeyUnusable: there is no such key either.
        """
        try:
            self.go_on(settings, self.prepared(settings))
        except IdentityKeyUnusable as unusable:
            if self._key is None:
                raise
            self.go_on(settings, PreparedKey(self._key))
            self.trouble = str(unusable).removeprefix(f"{NAME} ")

    def prepared(self, settings: IdentityKeySettings | None) -> PreparedKey:
        """Return the key for other settings; nothing changes yet.

        Raises:
            IdentityKeyUnusable: their key cannot be used.
        """
        if settings is None:
            return PreparedKey()
        if settings.key is None:
            return PreparedKey(self._key if self._is_made and self._key is not None else _made())
        text = settings.key()
        try:
            return PreparedKey(self._same_or(_read(text)), text)
        except ValueError as unusable:
            raise IdentityKeyUnusable(f"{NAME} cannot be used: {unusable}") from None

    def go_on(self, settings: IdentityKeySettings | None, prepared: PreparedKey) -> None:
        """Sign with the key that was prepared for these settings."""
        key = prepared.key
        self._reader = settings.key if settings is not None else None
        self._tried, self.trouble = prepared.text, ""
        self._is_made = settings is not None and settings.key is None
        lifetime_s = settings.lifetime_s if settings is not None else 0.0
        self._ahead_s = settings.publish_ahead_s if settings is not None else 0.0
        if self._key is not None and key is not None:
            self._lifetime_s = max(self._lifetime_s, lifetime_s)
        self._follow(key, lifetime_s)

    # ── rotation ──────────────────────────────────────────────────────────────────────────────────

    def look(self, _now_s: float = 0.0) -> None:
        """Take over another key, if the file holds one, or has held it for long enough."""
        if self._next is not None and self._wall_s() >= self._next[1]:
            self._change(self._next[0], self._lifetime_s)
        if self._reader is None:
            return
        text = self._reader()
        if text == self._tried:
            return
        self._tried = text
        try:
            key = self._same_or(_read(text))
        except ValueError as unusable:
            self.trouble = f"cannot be used: {unusable}"
            return
        self.trouble = ""
        self.readings += 1
        self._follow(key, self._lifetime_s)

    def files(self) -> Iterator[tuple[str, WatchedFile]]:
        """Yield the files that the key is read from."""
        if isinstance(self._reader, NamedReader):
            yield from ((NAME, KeyFile(file, self)) for file in self._reader.files)

    def pem(self) -> Secret | None:
        """Return the key in use, for other processes of this gateway."""
        return self._key.private_pem() if self._key is not None else None

    def left(self) -> KeysLeft:
        """Return what the next process needs."""
        return KeysLeft(self.pem(), self._is_made, self._lifetime_s, tuple(self._retired))

    def _same_or(self, key: IdentityKey) -> IdentityKey:
        return self._key if self._key is not None and self._key.kid == key.kid else key

    def _follow(self, key: IdentityKey | None, lifetime_s: float) -> None:
        """Let a key follow the one in use: now, or later."""
        if key is self._key:
            self._next = None
        elif key is None or self._key is None or not self._ahead_s:
            self._change(key, lifetime_s)
        elif self._next is None or self._next[0].kid != key.kid:
            self._next = key, self._wall_s() + self._ahead_s

    def _change(self, key: IdentityKey | None, lifetime_s: float) -> None:
        before = self._key
        if before is not None:
            left_s = self._lifetime_s + SKEW_S
            self._retired.append(RetiredKey(tuple(before.public.items()), self._wall_s() + left_s))
            now = f"key {key.kid}" if key is not None else "nothing"
            words = "identity_jwt: %s signs from now on; key %s stays published for %g s"
            _LOGGER.info(words, now, before.kid, left_s)
        if key is not None:
            self._retired = [each for each in self._retired if not _is(each, key)]
        self._next = None
        self._key, self._last, self._lifetime_s = key, key or self._last, lifetime_s
        self.generation += 1
        self.on_change()


def _is(retired: RetiredKey, key: IdentityKey) -> bool:
    return ("kid", key.kid) in retired.jwk


def _read(text: Secret) -> IdentityKey:
    # Loads the libraries for signatures: 10 MiB that a gateway without such a route does not need.
    from gateway.oauth.identity_key import read_identity_key  # noqa: PLC0415

    return read_identity_key(text)


def _made() -> IdentityKey:
    from gateway.oauth.identity_key import make_identity_key  # noqa: PLC0415 - likewise

    return make_identity_key()
