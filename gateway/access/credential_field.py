"""Where a request carries credentials, and which way judges the one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.access.way import CredentialWay, Pending
from gateway.core.access.evidence import Slot, reader_of
from gateway.core.access.finding import Finding
from gateway.core.caller import WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead


class CredentialField:
    """A header field that carries a credential, and the ways of the rule that read it.

    Attributes:
        read: returns the credential in it, or None; raises `MalformedRequest` if the field is repeated.
        ways, has_one: at least one way; whether it is the only one.
    """

    __slots__ = ("has_one", "read", "ways")

    def __init__(self, slot: Slot, header: bytes, ways: Sequence[CredentialWay]) -> None:
        self.read = reader_of(slot, header)
        self.ways = ways
        self.has_one = len(ways) == 1

    def look(self, head: RequestHead, caller: CallerFields) -> tuple[WayName, Finding | Pending] | None:
        """Return what is found of the credential in it, and by which way; None if there is none.

        Raises:
            MalformedRequest: the field is repeated.
        """
        credential = self.read(head)
        if credential is None:
            return None
        way = self.way_for(credential)
        return way.name, way.look(credential, head, caller)

    def again(self, head: RequestHead) -> tuple[WayName, Finding | Pending] | None:
        """Return what the credential in it is worth now, for a request that was let in earlier."""
        credential = self.read(head)
        if credential is None:
            return None
        way = self.ways[0] if self.has_one else self.way_for(credential)
        return way.name, way.again(credential)

    def way_for(self, credential: bytes) -> CredentialWay:
        """Return the way that is to judge a credential: the one that knows it, or else its own."""
        ways = self.ways
        for way in ways:
            if way.remembers(credential):
                return way  # without that it is read, by ways before this one as well
        return next((way for way in ways if way.is_for(credential)), ways[0])


def fields_of(ways: Iterable[CredentialWay]) -> list[CredentialField]:
    """Return one field for each place that credentials are in."""
    by_place: dict[tuple[Slot, bytes], list[CredentialWay]] = {}
    for way in ways:
        by_place.setdefault((way.slot, way.header), []).append(way)
    return [CredentialField(slot, header, together) for (slot, header), together in by_place.items()]
