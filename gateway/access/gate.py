"""What stands before one route: the credentials of a request are verified, and its rule is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.access.way import CredentialWay, Pending
from gateway.access.ways import Ways
from gateway.core.access.evidence import Slot, api_key, authorization
from gateway.core.access.finding import Finding
from gateway.core.access.outcome import Admitted, judge
from gateway.core.access.refusal import refusal_error
from gateway.core.access_settings import AccessRule
from gateway.core.caller import Caller, WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead


class Field:
    """A header field that carries a credential, and the ways of the rule that read it."""

    __slots__ = ("_header", "_slot", "_ways")

    def __init__(self, slot: Slot, header: bytes, ways: Sequence[CredentialWay]) -> None:
        self._slot = slot
        self._header = header
        self._ways = ways

    def look(self, head: RequestHead) -> tuple[WayName, Finding | Pending] | None:
        """Return what is found of the credential in it, and by which way; None if there is none.

        Raises:
            MalformedRequest: the field is repeated.
        """
        credential = self._credential(head)
        if credential is None:
            return None
        way = self._way_for(credential)
        return way.name, way.look(credential)

    def _credential(self, head: RequestHead) -> bytes | None:
        if self._slot is Slot.API_KEY:
            return api_key(head, self._header)
        return authorization(head, self._slot)

    def _way_for(self, credential: bytes) -> CredentialWay:
        ways = self._ways
        if len(ways) == 1:
            return ways[0]
        return next((way for way in ways if way.is_for(credential)), ways[0])


class Gate:
    """Lets callers use one route, by its rule."""

    def __init__(self, rule: AccessRule, ways: Ways) -> None:
        self._rule = rule
        self._credentials = [ways.credentials[name] for name in rule.ways if name in ways.credentials]
        self._places = [ways.places[name] for name in rule.ways if name in ways.places]
        self._fields = _fields(self._credentials)
        self._presented = frozenset(way.name for way in self._credentials)

    def now(self, head: RequestHead, caller: CallerFields) -> Caller | None:
        """Let a caller in without a wait; None if that needs one. This is on the hot path.

        Raises:
            GatewayError: it is refused, cannot be verified now, or presents a credential twice.
        """
        findings: dict[WayName, Finding] = {}
        for field in self._fields:
            found = field.look(head)
            if found is None:
                continue
            if isinstance(found[1], Pending):
                return None
            findings[found[0]] = found[1]
        return self._judged(findings, head, caller)

    async def wait(self, head: RequestHead, caller: CallerFields, deadline_s: float) -> Caller:
        """Let a caller in, after a wait until `deadline_s` (monotonic) if need be.

        Raises:
            GatewayError: as for `now`.
        """
        findings: dict[WayName, Finding] = {}
        for field in self._fields:
            found = field.look(head)
            if found is None:
                continue
            name, finding = found
            findings[name] = await finding.verify(deadline_s) if isinstance(finding, Pending) else finding
        return self._judged(findings, head, caller)

    def _judged(self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields) -> Caller:
        for way in self._places:
            seen = way.see(head, caller)
            if seen is not None:
                findings[way.name] = seen
        verdict = judge(self._rule, findings, self._presented)
        if isinstance(verdict, Admitted):
            return verdict.caller
        raise refusal_error(verdict, {way.name: way.challenge for way in self._credentials})


def _fields(ways: Iterable[CredentialWay]) -> list[Field]:
    """Return one field for each place that credentials are in."""
    by_place: dict[tuple[Slot, bytes], list[CredentialWay]] = {}
    for way in ways:
        by_place.setdefault((way.slot, way.header), []).append(way)
    return [Field(slot, header, together) for (slot, header), together in by_place.items()]
