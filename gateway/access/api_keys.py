"""Callers known by a key of ours that they send in a header field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.access.watched_text import WatchedText, file_state
from gateway.core.access.api_keys import ApiKey, digest_of, read_keys
from gateway.core.access.asked import Asked
from gateway.core.access.evidence import Slot, is_too_long
from gateway.core.access.finding import Bad, Fault, Finding, Known, Unsure
from gateway.core.access.refusal import api_key_challenge
from gateway.core.caller import Caller, WayName
from gateway.core.clock import Clock
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.settings.access_settings import ApiKeyWay

UNKNOWN_KEY: Final = Bad("the API key is unknown")
EXPIRED_KEY: Final = Bad("the API key has expired")
NO_FILE: Final = Unsure("the file of API keys cannot be used", fault=Fault.FILE)


class ApiKeys:
    """Implements `CredentialWay`. A key is looked up by its digest, so timing tells nothing of it."""

    slot = Slot.API_KEY

    def __init__(self, name: WayName, settings: ApiKeyWay, clock: Clock) -> None:
        self.name = name
        self.header = settings.header.lower().encode("ascii")
        self.challenge = api_key_challenge(settings.header)
        self.file: WatchedText[Mapping[bytes, ApiKey]] = WatchedText(settings.file, read_keys, clock.now_s)
        self._wall_s = clock.wall_s
        self._of: Mapping[bytes, ApiKey] | None = None
        self._found: dict[bytes, Known] = {}

    def remembers(self, credential: bytes) -> bool:  # noqa: ARG002
        """Nothing is remembered by the credential alone."""
        return False

    def is_for(self, credential: bytes) -> bool:
        """Whether the file has this key."""
        keys = self.file.present()
        return keys is not None and digest_of(credential) in keys

    def look(self, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding:  # noqa: ARG002
        """Find the caller whose key this is."""
        return self.again(credential)

    def again(self, credential: bytes) -> Finding:
        """Find the caller whose key this is now."""
        keys = self.file.present()
        if keys is None:
            return NO_FILE
        if is_too_long(credential):
            return UNKNOWN_KEY
        digest = digest_of(credential)
        key = keys.get(digest)
        if key is None:
            return UNKNOWN_KEY
        if self._wall_s() >= key.expires_at_s:
            return EXPIRED_KEY
        return self._known(keys, digest, key)

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return the file of keys."""
        return (("api_key.file", self.file),)

    def state(self) -> Mapping[str, object]:
        """Return how the file of keys stands."""
        keys = self.file.content
        return {
            "kind": "api_key",
            "header": self.header.decode("ascii"),
            "keys": len(keys) if keys is not None else None,
            "file": file_state(self.file),
        }

    def keep(self, asked: Asked) -> None:
        """Remember whatever the file says, which is little."""

    def key_set(self) -> None:
        """Return nothing: no keys are fetched."""

    def start(self) -> None:
        """Begin nothing: the file was read."""

    async def close(self) -> None:
        """End nothing."""

    def _known(self, keys: Mapping[bytes, ApiKey], digest: bytes, key: ApiKey) -> Known:
        """Return the same finding for the same key until the file changes."""
        if keys is not self._of:
            self._of, self._found = keys, {}
        known = self._found.get(digest)
        if known is None:
            caller = Caller(self.name, key.id, key.scope, {"id": key.id}, key.expires_at_s)
            known = self._found[digest] = Known(caller)
        return known
