"""The keys of an issuer from a file: a JSON Web Key Set that somebody else keeps up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.access.verification_keys import VerificationKey, read_keys
from gateway.access.watched_text import WatchedText, file_state
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.text.json_object import read_json_object


class FileKeys:
    """The same as a `KeySet`, but nothing is fetched.

    Attributes:
        file: where they are.
        changed: called when the file was read again.
    """

    trouble = ""
    retry_after_s = 1

    def __init__(self, path: str, now_s: Callable[[], float]) -> None:
        self.changed: Callable[[], None] = _nobody_cares
        self.file: WatchedText[tuple[VerificationKey, ...]] = WatchedText(path, self._read, now_s)

    def _read(self, text: str) -> tuple[VerificationKey, ...]:
        keys = keys_in(text)
        self.changed()
        return keys

    @property
    def is_usable(self) -> bool:
        """Whether there are any keys."""
        return bool(self.file.content)

    def candidates(self, key_id: str | None, algorithm: str) -> list[VerificationKey]:
        """Return the keys that may have signed a token."""
        return [
            key
            for key in self.file.content or ()
            if algorithm in key.by_algorithm and (key_id is None or key.key_id == key_id)
        ]

    def may_fetch(self) -> bool:
        """Whether to wait for a fetch may help: never."""
        return False

    def count_unknown(self) -> None:
        """Count nothing: no fetch depends on it."""

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return the file."""
        return (("jwt.keys", self.file),)

    def shown(self) -> dict[str, object]:
        """Return what may be shown of the file."""
        names = [key.key_id or "-" for key in self.file.content or ()]
        return {"keys": names, "file": file_state(self.file)}

    def start(self) -> None:
        """Begin nothing: the file was read."""

    async def close(self) -> None:
        """End nothing."""

    async def fetched(self, deadline_s: float) -> None:
        """Wait for nothing."""


def _nobody_cares() -> None:
    """Nobody has verified anything by these keys yet."""


def keys_in(text: str) -> tuple[VerificationKey, ...]:
    """Return the keys of a JSON Web Key Set.

    Raises:
        ValueError: there is none that can be used.
    """
    keys = read_keys(read_json_object(text.encode()))
    if not keys:
        raise ValueError("holds no JSON Web Key Set with a public key that can be used")
    return keys
