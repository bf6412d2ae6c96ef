"""Callers known by a user name and a password (RFC 7617), which a file of ``htpasswd`` has.

Rules:

- Whether a user exists is told by nothing, not even by the time that it takes: the password of an unknown one
  is compared with the hash of some other user of the file, and refused.
- A result is remembered by user, password and hash together. So a line that is changed or removed takes
  effect with the file, and no other user is asked again for it.
- One verification at a time for the same credentials, however many requests wait for it.
- Wrong passwords are counted by network. Beyond the limit no new one is looked at: 429. Users who are
  remembered go on.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final

from gateway.access.failures import Failures
from gateway.access.flights import Flights
from gateway.access.password_hashes import PasswordDesk, QueueFull, has_library
from gateway.access.verified import Verified
from gateway.access.watched_text import WatchedText, file_state
from gateway.access.way import Pending
from gateway.core.access.asked import Asked
from gateway.core.access.evidence import Slot, is_too_long
from gateway.core.access.finding import Bad, Fault, Finding, Known, Slowed, Unsure
from gateway.core.access.htpasswd import (
    LIBRARIES,
    PasswordHash,
    Users,
    flaws_of,
    read_users,
    user_and_password,
)
from gateway.core.access.limits import address_of, network_of
from gateway.core.access.refusal import BASIC
from gateway.core.caller import Caller, WayName
from gateway.core.clock import Clock
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.settings.access_settings import BasicWay

WRONG: Final = Bad("the user name or the password is wrong")
NO_CREDENTIALS: Final = Bad("the credentials are not a user name and a password in base64")
NO_FILE: Final = Unsure("the file of users cannot be used", fault=Fault.FILE)
NO_LIBRARY: Final = Unsure("the library that verifies passwords is not installed", fault=Fault.FILE)
BUSY: Final = Unsure("too many passwords are to be verified at once", fault=Fault.LOAD)
LATE: Final = Unsure("it takes too long to verify the password", fault=Fault.LOAD)
REMEMBERED_S: Final = 3600.0
"""What was compared once would be found equal again: the hash is part of what is remembered."""
_TOO_MANY: Final = "too many passwords from there were wrong"
_LOGGER: Final = logging.getLogger("gateway.file")


class Basic:
    """Implements `CredentialWay`."""

    slot = Slot.BASIC
    header = b"authorization"
    challenge = BASIC

    def __init__(self, name: WayName, settings: BasicWay, desk: PasswordDesk, clock: Clock) -> None:
        self.name = name
        self._desk = desk
        self._failures = Failures(clock.now_s)
        self._flights = Flights(clock.now_s)
        self.verified = Verified(clock, REMEMBERED_S)
        read = partial(_read_and_tell, f"callers.{name}.basic.htpasswd: {settings.htpasswd}")
        self.file: WatchedText[Users] = WatchedText(settings.htpasswd, read, clock.now_s)

    def remembers(self, credential: bytes) -> bool:  # noqa: ARG002
        """Nothing is remembered by the credential alone."""
        return False

    def is_for(self, credential: bytes) -> bool:
        """Whether the file has this user."""
        users, login = self.file.present(), _login(credential)
        return users is not None and login is not None and login[0] in users.by_name

    def look(self, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding | Pending:
        """Remember what came of a user name and a password, or have them verified."""
        users = self.file.present()
        if users is None:
            return NO_FILE
        login = _login(credential)
        if login is None:
            return NO_CREDENTIALS
        user, password = login
        hashed = users.by_name.get(user)
        digest = self.verified.digest(_framed(user, password, hashed))
        found = self.verified.get(digest)
        if found is not None:
            return found
        network = network_of(address_of(head, caller))
        is_due = digest in self._flights or self.verified.was_good(digest)
        wait_s = 0 if is_due else self._failures.wait_s(network)
        if wait_s:
            return Slowed(_TOO_MANY, wait_s)
        compared = hashed or self._some_hash(users, user)
        if compared is None:
            return self.verified.put(digest, WRONG)
        known = Known(Caller(self.name, user, frozenset(), {"id": user})) if hashed is not None else None
        verify = partial(self._verify, password, compared, known, digest, network)
        return Pending(partial(self._verified_until, digest, verify))

    def again(self, credential: bytes) -> Finding:
        """Find out whether a user still has the line with which its password was right."""
        users, login = self.file.present(), _login(credential)
        if users is None or login is None:
            return NO_FILE if users is None else NO_CREDENTIALS
        user, password = login
        hashed = users.by_name.get(user)
        if hashed is None or not self.verified.was_good(
            self.verified.digest(_framed(user, password, hashed))
        ):
            return WRONG
        return Known(Caller(self.name, user, frozenset(), {"id": user}))

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return the file of users."""
        return (("basic.htpasswd", self.file),)

    def state(self) -> Mapping[str, object]:
        """Return how the file of users stands, and how many of them are remembered."""
        users = self.file.content
        return {
            "kind": "basic",
            "remembered": len(self.verified),
            "users": len(users.by_name) if users is not None else None,
            "useless_lines": len(users.flaws) if users is not None else None,
            "file": file_state(self.file),
        }

    def keep(self, asked: Asked) -> None:
        """Remember of callers what is asked about them."""
        self.verified.keep(asked)

    def key_set(self) -> None:
        """Return nothing: no keys are fetched."""

    def start(self) -> None:
        """Begin nothing: the file was read."""

    async def close(self) -> None:
        """End what is being verified."""
        await self._flights.close()

    def _some_hash(self, users: Users, user: str) -> PasswordHash | None:
        """Return the hash of another user, always the same one: it costs what it would cost for this one."""
        hashes = tuple(users.by_name.values())
        choice = int.from_bytes(self.verified.digest(user.encode()))
        return hashes[choice % len(hashes)] if hashes else None

    async def _verified_until(
        self, digest: bytes, verify: partial[Coroutine[Any, Any, Finding]], deadline_s: float
    ) -> Finding:
        return await self._flights.join(digest, verify, deadline_s) or LATE

    async def _verify(
        self, password: bytes, hashed: PasswordHash, known: Known | None, digest: bytes, network: str
    ) -> Finding:
        if not has_library(hashed.kind):
            return NO_LIBRARY
        wait_s = self._failures.wait_s(network)
        if wait_s and not self.verified.was_good(digest):
            return Slowed(_TOO_MANY, wait_s)
        attempt = self._failures.attempt(network)
        try:
            is_right = await self._desk.verify(password, hashed)
        except QueueFull:
            self._failures.succeeded(attempt)
            return BUSY
        if not is_right or known is None:
            return self.verified.put(digest, WRONG)
        self._failures.succeeded(attempt)
        return self.verified.put(digest, known)


def _login(credential: bytes) -> tuple[str, bytes] | None:
    if is_too_long(credential):
        return None
    try:
        return user_and_password(b64decode(credential, validate=True))
    except BadBase64:
        return None


def _framed(user: str, password: bytes, hashed: PasswordHash | None) -> bytes:
    """Join what is remembered together so that no other three texts give the same bytes."""
    name, text = user.encode(), hashed.text.encode() if hashed is not None else b""
    return b"%d:%d:%b%b%b" % (len(name), len(password), name, password, text)


def _read_and_tell(where: str, text: str) -> Users:
    """Read the file, and warn of lines that are of no use."""
    users = read_users(text)
    for words in flaws_of(users):
        _LOGGER.warning("%s %s", where, words)
    for kind in users.kinds():
        if not has_library(kind):
            words = "%s needs %s, which is not installed: pip install %s"
            _LOGGER.warning(words, where, LIBRARIES[kind], LIBRARIES[kind])
    return users
