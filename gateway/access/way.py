"""What a gate asks of a way to know callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.core.access.asked import Asked
from gateway.core.access.evidence import Slot
from gateway.core.access.finding import Finding
from gateway.core.access.key_set_state import KeySetState
from gateway.core.caller import WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.settings.client_settings import ClientSettings, Reach
from gateway.core.text.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class Pending:
    """The credential must be verified with a wait.

    Attributes:
        verify: does that until the deadline (monotonic), and never raises; past it, the finding is `Unsure`.
    """

    verify: Callable[[float], Awaitable[Finding]]


class Documents(Protocol):
    """Fetches documents that authorization servers publish; see `oauth.documents`."""

    async def fetch(self, url: str, reach: Reach) -> JsonObject | str:
        """Return the JSON object at `url`, or a few words on why there is none; never raise."""


class Introspector(Protocol):
    """Asks authorization servers about tokens; see `oauth.introspection`."""

    async def introspect(
        self, client: ClientSettings, endpoint: str | None, token: bytes
    ) -> JsonObject | tuple[str, float | None]:
        """Return what the server says of a token, asked as `client`; never raise.

        Returns:
            the response, whose ``active`` is true or false; or a few words on why there is none, and in how
            many seconds the server wants to be asked again, if it says so.
        """


class CredentialWay(Protocol):
    """Knows callers by a credential that they add to a request."""

    @property
    def name(self) -> WayName:
        """Its key under ``callers``."""

    @property
    def slot(self) -> Slot:
        """Where the credential is."""

    @property
    def header(self) -> bytes:
        """The field that the credential is in, in lower case."""

    @property
    def challenge(self) -> str:
        """What a 401 says of it (RFC 9110 section 11.6.1)."""

    def remembers(self, credential: bytes) -> bool:
        """Whether this way has judged a credential, and would not have to read it again."""

    def is_for(self, credential: bytes) -> bool:
        """Whether this way is the one to judge a credential, where several ways read the same field."""

    def look(self, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding | Pending:
        """Verify a credential, without a wait if possible. This is on the hot path.

        Args:
            credential: from its slot.
            head: the request that it came with, for what must be proved beside it.
            caller: where the request came from.
        """

    def again(self, credential: bytes) -> Finding | Pending:
        """Find out what a credential is worth now that a request brought earlier, and proved then if it must.

        `Unsure` if that cannot be told. It takes no turn from new ones.
        """

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return the files that it reads, each with the key below its name that names it."""

    def state(self) -> Mapping[str, object]:
        """Return what may be shown of it: texts, numbers, lists and such mappings; no secret, no caller."""

    def keep(self, asked: Asked) -> None:
        """Remember of callers what is asked about them, and no more than that if it is much."""

    def key_set(self) -> KeySetState | None:
        """Return how the keys that it fetches stand, if it fetches any."""

    def start(self) -> None:
        """Begin to fetch what it needs, in the background."""

    async def close(self) -> None:
        """End what is under way."""


class PlaceWay(Protocol):
    """Knows callers by where they come from: an address, the certificate of the connection."""

    @property
    def name(self) -> WayName:
        """Its key under ``callers``."""

    def see(self, head: RequestHead, caller: CallerFields) -> Finding | None:
        """Return what it finds, or None if the caller is not one of its own. This is on the hot path."""

    def state(self) -> Mapping[str, object]:
        """Return what may be shown of it."""
