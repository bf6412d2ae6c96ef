"""A route in operation: its settings, and everything that was prepared for it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, Protocol

from gateway.core.access.cors import REPLACED, Cors
from gateway.core.access.presented import Presented
from gateway.core.access_errors import CallerNotAllowed
from gateway.core.admission import Admission
from gateway.core.caller import Caller
from gateway.core.http.carrying import CarryingPlan, outbound_plan
from gateway.core.http.fields import without
from gateway.core.http.outbound import CallerFields, added_lines, removed_names, stripped_before
from gateway.core.http.recovery import Acceptance, RefusalMemory, target_digest
from gateway.core.http.request_head import RequestHead
from gateway.core.http.rewriting import rewriting_of
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.tenants import selected
from gateway.core.token import Token, TokenSource
from gateway.core.upstreams.signs import SICK, Sign
from gateway.observe.route_health import RouteHealth
from gateway.observe.route_metrics import RouteMetrics
from gateway.proxy.exchange_facts import ExchangeFacts
from gateway.proxy.outgoing.pool import Pool
from gateway.proxy.outgoing.upstream import UpstreamConnection

_NO_REFERRER: Final = b"Referrer-Policy: no-referrer"


_RATE_FIELDS: Final = frozenset({b"ratelimit", b"ratelimit-policy"})


class Gate(Protocol):
    """What stands before a route; see `access.gate`."""

    @property
    def cors(self) -> Cors | None:
        """The policy for pages of other origins, if there is one."""

    def arrive(self, head: RequestHead, caller: CallerFields, now_s: float) -> None:
        """Count a request, or raise that it is one too many."""

    def now(self, head: RequestHead, caller: CallerFields, now_s: float) -> Admission | None:
        """Let a caller in, or raise what it gets; None if that needs a wait."""

    async def wait(
        self, head: RequestHead, caller: CallerFields, now_s: float, deadline_s: float
    ) -> Admission:
        """Let a caller in, or raise what it gets, after a wait until `deadline_s` if need be."""

    def lost(self, presented: Presented, deadline_s: float) -> bool | Awaitable[bool]:
        """Whether a caller that was let in is let in no more; not, if that cannot be told in time."""


class RouteLeads(Protocol):
    """Where the requests of a route go, if it depends on the request."""

    def to(self, route: Route, head: RequestHead, token: Token | None) -> Route:
        """Return the route for a request on `route`, which is that itself if the request decides nothing.

        Raises:
            GatewayError: the request can go nowhere.
        """


class RouteTargets(RouteLeads, Protocol):
    """The addresses of a group that a route leads to; see `gateway.upstreams`."""

    async def connect(
        self, head: RequestHead, most_s: float, route: Route, *, is_again: bool, reason: Sign | None
    ) -> tuple[Route, UpstreamConnection]:
        """Connect to the one that `route` leads to, or another one; `is_again`: rather to another one.

        `reason` is why the request is retried; None if it is not.

        Raises:
            UpstreamError: none can.
            OutOfDescriptors: the process has no file descriptor left.
        """

    def may_retry(self, route: Route, reason: Sign, tries: int) -> bool:
        """Whether to try a request again elsewhere that failed where `route` leads, after so many retries."""


class RouteInstances(RouteLeads, Protocol):
    """The upstreams that the credentials of a route name; see `gateway.instances`."""

    def of(self, token: Token) -> Route:
        """Return the route to the upstream that `token` names.

        Raises:
            InstanceNotAllowed: it names none, or one that is not allowed.
        """

    def sweep(self, now_s: float) -> None:
        """Close connections that have been idle too long, and fail exchanges that are late."""

    def give_up(self) -> None:
        """Keep no idle connections any more."""

    def close(self) -> None:
        """Close every connection."""


class Route:
    """A rule of `gateway.yaml` with its connections, tokens, counters and health.

    Attributes:
        keeps_bodies: requests may be sent a second time: with another token, or to another address.
        leaves_date: the route's header rules decide about ``Date`` in responses, so none is added.
        alarms: the status codes of responses that may say that the token was refused (`proxy.refused`), or
            that another address should be asked.
        refusals: what the route remembers about refused tokens.
        gate: what stands before it; None: nothing.
        edits_cookies: something of the cookies that the upstream sets is rewritten.
        leads: says where a request goes; None: to the upstream of `settings`, as most do.
        instances: leads to the upstream that the credential names; None if the configuration names it.
        address: the one of a group that it leads to, as shown; or empty.
        targets: leads to the addresses of a group; None if there is no group.
        tenants: what it is for each caller, if the token depends on who calls; else None.
        acceptance: the last token that the upstream accepted; shared by routes with this source and upstream.
    """

    __slots__ = (
        "_answer_added",
        "_answer_removed",
        "_carrying",
        "_edits_answers",
        "_renews",
        "_rewriting",
        "acceptance",
        "address",
        "alarms",
        "counters",
        "edits_cookies",
        "gate",
        "health",
        "instances",
        "keeps_bodies",
        "leads",
        "leaves_date",
        "plan",
        "pool",
        "refusals",
        "settings",
        "source",
        "targets",
        "tenants",
        "timeouts",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - its parts are made elsewhere, and some are shared
        self,
        settings: RouteSettings,
        pool: Pool,
        source: TokenSource | None,
        counters: RouteMetrics,
        acceptance: Acceptance,
        health: RouteHealth,
        gate: Gate | None = None,
    ) -> None:
        self.settings = settings
        self.timeouts = settings.timeouts
        self.plan = plan = outbound_plan(settings)
        self.pool = pool
        self.source = source
        is_sent_again = settings.group is not None and settings.group.retry.tries > 0
        self.keeps_bodies = source is not None or settings.tenants is not None or is_sent_again
        self.gate = gate
        self.leads: RouteLeads | None = None
        self.instances: RouteInstances | None = None
        self.targets: RouteTargets | None = None
        self.address = ""
        self.tenants: Tenants | None = None
        self.counters = counters
        self.alarms = settings.recover_on | {sign.status for sign in settings.refusal_signs}
        if settings.group is not None:
            self.alarms |= SICK
        self.refusals = RefusalMemory()
        self.acceptance = acceptance
        self.health = health
        self._answer_added = added_lines(settings.response_headers)
        self._answer_removed = removed_names(settings.response_headers)
        self._carrying = plan if isinstance(plan, CarryingPlan) else None
        if self._carrying is not None and self._carrying.has_query:
            self._answer_removed |= {b"referrer-policy"}
            self._answer_added += (_NO_REFERRER,)
        if settings.gate.cors is not None:
            self._answer_removed |= REPLACED
        if settings.gate.limits:
            self._answer_removed |= _RATE_FIELDS
        self._edits_answers = self._carrying is not None or bool(self._answer_removed)
        login = settings.grant.login if settings.grant is not None else None
        self._renews = login is not None and login.is_rolling
        self._rewriting = rewriting_of(settings)
        self.edits_cookies = settings.rewrite.edits_cookies
        self.leaves_date = b"date" in self._answer_removed

    def __repr__(self) -> str:
        return f"<Route {self.settings.name}>"

    def note_accepted(self, token: Token, at_s: float, method: str, path: str) -> None:
        """Record that the upstream accepted `token` at `at_s` on the stopwatch; on the hot path."""
        acceptance, refusals = self.acceptance, self.refusals
        acceptance.token = refusals.accepted = token
        acceptance.at_s = at_s
        if not refusals.is_empty:
            refusals.forget(target_digest(method, path))

    def answer_lines(
        self, lines: Sequence[bytes], dropped: frozenset[bytes], exchange: ExchangeFacts | None = None
    ) -> Sequence[bytes]:
        """Return the lines of a response's head as the caller gets them; `exchange` brought the response."""
        if dropped or self._edits_answers:
            if self._renews and exchange is not None:
                self._renew(lines, exchange)
            lines = self.without_removed(lines, dropped, exchange)
        return [*lines, *self._answer_added] if self._answer_added else lines

    def formats_alike(self, special: Mapping[bytes, bytes]) -> bool:
        """Whether a response's head goes out alike to all callers, and at any time."""
        is_rewritten = b"location" in special or b"content-location" in special or self.edits_cookies
        has_date = self.leaves_date or bool(special.get(b"date"))
        return has_date and not is_rewritten and self._carrying is None

    def rewritten(
        self, lines: Sequence[bytes], head: RequestHead, caller: CallerFields, exchange: ExchangeFacts | None
    ) -> Sequence[bytes]:
        """Return the lines of a response's head, with what led past the gateway led back into the route.

        `head` and `caller` are those of the request; `exchange` brought the response.
        """
        rewriting = self._rewriting
        if self.instances is not None and exchange is not None and exchange.token is not None:
            rewriting = self.instances.of(exchange.token)._rewriting  # noqa: SLF001 - of this class
        if rewriting is None:
            return lines
        return rewriting.lines(lines, head.authority, stripped_before(head, caller))

    def _renew(self, lines: Sequence[bytes], exchange: ExchangeFacts) -> None:
        """Hand what the response sets of our cookies to the source, if it accepted the token."""
        token, acceptance, carrying, source = exchange.token, self.acceptance, self._carrying, self.source
        if token is None or carrying is None or source is None:
            return
        # It was noted just before, in the same round of the loop: no other response came between.
        if acceptance.token is token and acceptance.at_s == exchange.answered_s():
            cookies = carrying.cookies_set(lines)
            if cookies:
                source.renewed(token, cookies)

    def without_removed(
        self, lines: Sequence[bytes], dropped: frozenset[bytes], exchange: ExchangeFacts | None = None
    ) -> Sequence[bytes]:
        """Return those lines of a response's head, or of its trailers, that pass."""
        removed, carrying = self._answer_removed, self._carrying
        if dropped or removed:
            lines = without(lines, dropped | removed)
        if carrying is not None:
            lines = carrying.answer_lines(lines, exchange.token if exchange is not None else None)
        return lines


class Tenants:
    """What a route is for each caller."""

    __slots__ = ("_by", "_default", "_routes")

    def __init__(self, by: str, routes: dict[str, Route], default: Route | None) -> None:
        self._by = by
        self._routes = routes
        self._default = default

    @property
    def all(self) -> list[Route]:
        """Every one of these routes."""
        return [*self._routes.values(), *((self._default,) if self._default is not None else ())]

    def of(self, caller: Caller | None) -> Route:
        """Return what the route is for a caller.

        Raises:
            CallerNotAllowed: no client is configured for it.
        """
        value = selected(caller, self._by) if caller is not None else None
        route = self._routes.get(value, self._default) if value is not None else self._default
        if route is None:
            raise CallerNotAllowed("this route has no client for this caller")
        return route
