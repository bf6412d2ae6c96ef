"""What stands before one route: the credentials of a request are verified, and its rule is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gateway.access.limiter import Limiter
from gateway.access.way import CredentialWay, Pending
from gateway.access.ways import Ways
from gateway.access.week_clock import WeekClock
from gateway.core.access.cors import Cors
from gateway.core.access.evidence import Slot, api_key, authorization, token
from gateway.core.access.finding import Finding, Known
from gateway.core.access.limits import address_of
from gateway.core.access.outcome import Admitted, judge
from gateway.core.access.refusal import refusal_error
from gateway.core.access_errors import CallerNotAllowed
from gateway.core.access_settings import GateSettings
from gateway.core.admission import OPEN, Admission
from gateway.core.caller import Caller, WayName
from gateway.core.http.fields import line
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.identity import identity_lines

_MOST_PASSED: Final = 4096


Count = Callable[[str, str], None]
"""Counts the way that knows a caller, or whose credential is not good, and what became of it."""


class Field:
    """A header field that carries a credential, and the ways of the rule that read it."""

    __slots__ = ("_header", "_slot", "_ways")

    def __init__(self, slot: Slot, header: bytes, ways: Sequence[CredentialWay]) -> None:
        self._slot = slot
        self._header = header
        self._ways = ways

    def look(self, head: RequestHead, caller: CallerFields) -> tuple[WayName, Finding | Pending] | None:
        """Return what is found of the credential in it, and by which way; None if there is none.

        Raises:
            MalformedRequest: the field is repeated.
        """
        credential = self._credential(head)
        if credential is None:
            return None
        way = self._way_for(credential)
        return way.name, way.look(credential, head, caller)

    def _credential(self, head: RequestHead) -> bytes | None:
        if self._slot is Slot.API_KEY:
            return api_key(head, self._header)
        return token(head) if self._slot is Slot.BEARER else authorization(head, self._slot)

    def _way_for(self, credential: bytes) -> CredentialWay:
        ways = self._ways
        if len(ways) == 1:
            return ways[0]
        return next((way for way in ways if way.is_for(credential)), ways[0])


class Gate:
    """What stands before one route: limits, the policy for pages of other origins, the rule, the identity.

    Attributes:
        cors: None if the route has no such policy.
    """

    def __init__(
        self,
        asked: GateSettings,
        ways: Ways,
        limiter: Limiter | None,
        count: Count,
        wall_s: Callable[[], float],
    ) -> None:
        rule = asked.rule
        names = rule.ways if rule is not None else ()
        self._rule = rule
        self._count = count
        self._credentials = [ways.credentials[name] for name in names if name in ways.credentials]
        self._places = [ways.places[name] for name in names if name in ways.places]
        self._fields = _fields(self._credentials)
        self._presented = frozenset(way.name for way in self._credentials)
        self._depends_on_caller_alone = rule is not None and len(names) == 1 and not rule.has_hours
        self._local = WeekClock(wall_s).local if rule is not None and rule.has_hours else None
        self._limiter = limiter
        self._identity = asked.identity
        self._passed: dict[Caller, Admission] = {}
        self.cors = Cors(asked.cors) if asked.cors is not None else None

    def arrive(self, head: RequestHead, caller: CallerFields, now_s: float) -> None:
        """Count a request by where it comes from.

        Raises:
            RateExceeded, CapacityExceeded: it is one too many.
        """
        if self._limiter is not None:
            self._limiter.arrive(address_of(head, caller), now_s)

    def now(self, head: RequestHead, caller: CallerFields, now_s: float) -> Admission | None:
        """Let a caller in without a wait; None if that needs one. This is on the hot path.

        Raises:
            GatewayError: it is refused, cannot be verified now, or presents a credential twice.
        """
        findings: dict[WayName, Finding] = {}
        for field in self._fields:
            found = field.look(head, caller)
            if found is None:
                continue
            if isinstance(found[1], Pending):
                return None
            findings[found[0]] = found[1]
        return self._admitted(findings, head, caller, now_s)

    async def wait(
        self, head: RequestHead, caller: CallerFields, now_s: float, deadline_s: float
    ) -> Admission:
        """Let a caller in, after a wait until `deadline_s` (monotonic) if need be.

        Raises:
            GatewayError: as for `now`.
        """
        findings: dict[WayName, Finding] = {}
        for field in self._fields:
            found = field.look(head, caller)
            if found is None:
                continue
            name, finding = found
            findings[name] = await finding.verify(deadline_s) if isinstance(finding, Pending) else finding
        return self._admitted(findings, head, caller, now_s)

    def _admitted(
        self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields, now_s: float
    ) -> Admission:
        passed = self._passes(findings, head, caller) if self._rule is not None else OPEN
        if self._limiter is None:
            return passed
        address, who = address_of(head, caller), passed.caller
        leave = self._limiter.enter(address, who, now_s)
        fields = self._limiter.fields(address, who, now_s)
        return Admission(who, passed.request_lines, tuple(line(*field) for field in fields), leave)

    def _passes(self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields) -> Admission:
        """Apply the rule; a caller on whom alone it depends passes again without that."""
        passed = self._passed_before(findings) if self._depends_on_caller_alone else None
        if passed is not None:
            return passed
        who = self._judged(findings, head, caller)
        passed = self._passed.get(who)
        if passed is None:
            passed = Admission(who, self._identity_lines(who))
            if len(self._passed) >= _MOST_PASSED:
                self._passed.clear()
            self._passed[who] = passed
        self._count(who.way, "admitted")
        return passed

    def _identity_lines(self, who: Caller) -> tuple[bytes, ...]:
        try:
            return identity_lines(self._identity, who)
        except CallerNotAllowed:
            self._count(who.way, "identity")
            raise

    def _passed_before(self, findings: dict[WayName, Finding]) -> Admission | None:
        for finding in findings.values():
            if isinstance(finding, Known):
                passed = self._passed.get(finding.caller)
                if passed is not None:
                    self._count(finding.caller.way, "admitted")
                return passed
        return None

    def _judged(self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields) -> Caller:
        assert self._rule is not None
        for way in self._places:
            seen = way.see(head, caller)
            if seen is not None:
                findings[way.name] = seen
        verdict = judge(self._rule, findings, self._presented, self._local)
        if isinstance(verdict, Admitted):
            return verdict.caller
        self._count(verdict.way or "-", verdict.reason.value)
        raise refusal_error(verdict, {way.name: way.challenge for way in self._credentials})


def _fields(ways: Iterable[CredentialWay]) -> list[Field]:
    """Return one field for each place that credentials are in."""
    by_place: dict[tuple[Slot, bytes], list[CredentialWay]] = {}
    for way in ways:
        by_place.setdefault((way.slot, way.header), []).append(way)
    return [Field(slot, header, together) for (slot, header), together in by_place.items()]
