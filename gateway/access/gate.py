"""What stands before one route: the credentials of a request are verified, and its rule is applied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.access.credential_field import fields_of
from gateway.access.limiter import Limiter
from gateway.access.passes import SEEN, Passes
from gateway.access.way import Pending
from gateway.access.ways import Ways
from gateway.access.week_clock import WeekClock
from gateway.core.access.cors import Cors
from gateway.core.access.finding import Finding, Known
from gateway.core.access.limits import address_of
from gateway.core.access.outcome import Admitted, Reason, Verdict, judge
from gateway.core.access.presented import Presented
from gateway.core.access.refusal import refusal_error
from gateway.core.access_errors import CallerNotAllowed
from gateway.core.admission import OPEN, Admission
from gateway.core.caller import Caller, WayName
from gateway.core.http.fields import line
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import GateSettings
from gateway.core.settings.identity import identity_lines
from gateway.core.settings.identity_jwt import stated

Count = Callable[[str, str], None]
"""Counts the way that knows a caller, or whose credential is not good, and what became of it."""


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
        self._fields = fields_of(self._credentials)
        self._presented = frozenset(way.name for way in self._credentials)
        # Whether a request with one credential is judged by that alone, so that what came of it may be kept.
        self._is_steady = rule is not None and not self._places and not rule.has_hours
        self._only = self._fields[0] if self._is_steady and len(self._fields) == 1 else None
        self._passes = Passes(wall_s)
        self._mark = self._passes.alone
        self._local = WeekClock(wall_s).local if rule is not None and rule.has_hours else None
        self._limiter = limiter
        self._identity = asked.identity
        self._identity_jwt = asked.identity_jwt
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
        only = self._only
        if only is None:
            return self._now_among(head, caller, now_s)
        fields = head.plain_fields
        note = fields.note if fields is not None else None
        passed = self._passes.noted(note, now_s) if note is not None else None
        if passed is None:
            credential = only.read(head)
            if credential is None:
                return self._admitted({}, head, caller, now_s)
            way = only.ways[0] if only.has_one else only.way_for(credential)
            found = way.look(credential, head, caller)
            if isinstance(found, Pending):
                return None
            passed = found.passes.get(self._mark) if isinstance(found, Known) else None
            if passed is None:
                return self._admitted({way.name: found}, head, caller, now_s)
            if fields is not None:
                # These fields may have come once only: then a note would cost more than it saves.
                fields.note = SEEN if note is None else self._passes.note(found, passed, now_s)
        assert passed.caller is not None
        self._count(passed.caller.way, "admitted")
        return passed if self._limiter is None else self._limited(passed, head, caller, now_s)

    def _now_among(self, head: RequestHead, caller: CallerFields, now_s: float) -> Admission | None:
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

    def lost(self, presented: Presented, deadline_s: float) -> bool | Awaitable[bool]:
        """Whether a caller that was let in is let in no more; not, if that cannot be told until `deadline_s`.

        Nothing is counted, and no proof is asked for again.
        """
        if self._rule is None:
            return False
        findings: dict[WayName, Finding] = {}
        pending: dict[WayName, Pending] = {}
        for field in self._fields:
            again = field.again(presented.head)
            if again is None:
                continue
            name, found = again
            if isinstance(found, Pending):
                pending[name] = found
            else:
                findings[name] = found
        if pending:
            return self._lost_later(findings, pending, presented, deadline_s)
        return self._has_lost(findings, presented)

    async def _lost_later(
        self,
        findings: dict[WayName, Finding],
        pending: dict[WayName, Pending],
        presented: Presented,
        deadline_s: float,
    ) -> bool:
        for name, each in pending.items():
            findings[name] = await each.verify(deadline_s)
        return self._has_lost(findings, presented)

    def _has_lost(self, findings: dict[WayName, Finding], presented: Presented) -> bool:
        verdict = self._verdict(findings, presented.head, presented.place)
        if isinstance(verdict, Admitted):
            return (verdict.caller.way, verdict.caller.id) != (presented.who.way, presented.who.id)
        return verdict.reason not in {Reason.UNSURE, Reason.SLOWED}

    def _admitted(
        self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields, now_s: float
    ) -> Admission:
        passed = self._judged(findings, head, caller) if self._rule is not None else OPEN
        return passed if self._limiter is None else self._limited(passed, head, caller, now_s)

    def _limited(self, passed: Admission, head: RequestHead, caller: CallerFields, now_s: float) -> Admission:
        """Count an admitted request against the limits."""
        assert self._limiter is not None
        address, who = address_of(head, caller), passed.caller
        leave = self._limiter.enter(address, who, now_s)
        fields = self._limiter.fields(address, who, now_s)
        return Admission(who, passed.request_lines, tuple(line(*field) for field in fields), leave)

    def _judged(self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields) -> Admission:
        """Apply the rule; return what follows for the caller that it lets in."""
        is_alone = self._is_steady and len(findings) == 1
        who = self._let_in(findings, head, caller)
        known = findings[who.way]
        assert isinstance(known, Known)
        passed = self._passes.of(known, is_alone=is_alone)
        if passed is None:
            passed = Admission(who, self._identity_lines(who))
            self._passes.keep(known, passed, is_alone=is_alone)
        self._count(who.way, "admitted")
        return passed

    def _identity_lines(self, who: Caller) -> tuple[bytes, ...]:
        try:
            if self._identity_jwt is not None:
                stated(self._identity_jwt, who)  # can it be? `SigningGate` refuses nobody
            return identity_lines(self._identity, who)
        except CallerNotAllowed:
            self._count(who.way, "identity")
            raise

    def _let_in(self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields) -> Caller:
        """Return the caller that the rule lets in.

        Raises:
            GatewayError: it lets nobody in.
        """
        verdict = self._verdict(findings, head, caller)
        if isinstance(verdict, Admitted):
            return verdict.caller
        self._count(verdict.way or "-", verdict.reason.value)
        raise refusal_error(verdict, {way.name: way.challenge for way in self._credentials})

    def _verdict(self, findings: dict[WayName, Finding], head: RequestHead, caller: CallerFields) -> Verdict:
        assert self._rule is not None
        for way in self._places:
            seen = way.see(head, caller)
            if seen is not None:
                findings[way.name] = seen
        return judge(self._rule, findings, self._presented, self._local)
