"""What a gate asks of a way to know callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.core.access.evidence import Slot
from gateway.core.access.finding import Finding
from gateway.core.caller import WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead


@dataclass(frozen=True, slots=True)
class Pending:
    """The credential must be verified with a wait.

    Attributes:
        verify: does that until the deadline (monotonic), and never raises; past it, the finding is `Unsure`.
    """

    verify: Callable[[float], Awaitable[Finding]]


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

    def is_for(self, credential: bytes) -> bool:
        """Whether this way is the one to judge a credential, where several ways read the same field."""

    def look(self, credential: bytes) -> Finding | Pending:
        """Verify a credential, without a wait if possible. This is on the hot path."""


class PlaceWay(Protocol):
    """Knows callers by where they come from: an address, the certificate of the connection."""

    @property
    def name(self) -> WayName:
        """Its key under ``callers``."""

    def see(self, head: RequestHead, caller: CallerFields) -> Finding | None:
        """Return what it finds, or None if the caller is not one of its own. This is on the hot path."""
