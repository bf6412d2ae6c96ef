"""The request's way, step by step. Read `Handler.handle` first.

Rules: `core.http` makes the decisions; this module puts them in order. No token, no request. Whatever
happens, a request ends in exactly one response or a broken connection, and in one record.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from gateway.core.access.cors import asked_method, is_preflight
from gateway.core.admission import Admission
from gateway.core.clock import Clock
from gateway.core.errors import CallerError, CallerGone, GatewayError, InternalError, UpstreamError
from gateway.core.http.access_record import RequestObserver
from gateway.core.http.recovery import ACCEPTED, USELESS, Recovery
from gateway.core.http.request_head import HeadReader, RequestHead
from gateway.core.http.routing import Router
from gateway.core.settings.all_settings import Limits
from gateway.core.token import Token, TokenSource
from gateway.core.upstreams.signs import SICK
from gateway.observe.route_metrics import RouteMetrics
from gateway.proxy.body import ReplayBudget, RequestBody
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.refused import is_refused, recover, tells_refusal
from gateway.proxy.relay import relay, relay_at_once
from gateway.proxy.route import Route
from gateway.proxy.switching import SWITCHING, Switch
from gateway.proxy.tunnel import TunnelEnd
from gateway.proxy.tunnels import OpenTunnel, Tunnels

_NO_RECOVERY: Final = Recovery.NONE  # looking up a member of an Enum is slow before Python 3.12
_RECOVERED: Final = Recovery.RECOVERED

log: Final = logging.getLogger("gateway.proxy")


@dataclass(frozen=True, slots=True)
class Serving:
    """What calls are served by, as long as one configuration lasts.

    Attributes:
        credentials: names of fields that carry a caller's credential on some route, folded.
        has_cors: whether any route has a policy for pages of other origins.
    """

    router: Router[Route]
    limits: Limits
    credentials: frozenset[bytes]
    has_cors: bool
    observer: RequestObserver | None


class Handler:
    """Serves calls; all listeners share one.

    Attributes:
        reader: reads request heads.
    """

    def __init__(self, by: Serving, clock: Clock, unrouted: RouteMetrics, tunnels: Tunnels) -> None:
        self._clock = clock
        self._unrouted = unrouted
        self._tunnels = tunnels
        self._router = by.router
        self._observer = by.observer
        self._limits = by.limits
        self._credentials = by.credentials
        self._has_cors = by.has_cors
        self.reader = HeadReader(by.limits, by.credentials)
        self._budget = ReplayBudget(by.limits.replay_total_bytes)

    def go_on(self, by: Serving) -> None:
        """Serve new requests with these; current ones finish on the routes that they have."""
        self._router = by.router
        self._observer = by.observer
        self._has_cors = by.has_cors
        if (by.limits, by.credentials) != (self._limits, self._credentials):
            self._limits, self._credentials = by.limits, by.credentials
            self.reader.go_on(by.limits, by.credentials)
            self._budget = ReplayBudget(by.limits.replay_total_bytes)

    async def handle(self, call: Call, begun: Exchange | None = None) -> None:
        """Take one request from its head to the last byte of its response.

        Callbacks may have begun the call (`proxy.fast_lane`). Then it has a route already, and `begun` is its
        exchange if that was started.
        """
        try:
            route = call.route or self._match(call)
            if route.gate is not None and call.admission is None:
                if self._answers_preflight(call, route):
                    return
                route = await self._admitted(call, route)
            if call.head.max_forwards == 0:
                call.answer_options(route.settings.methods)
            elif call.head.wants_websocket:
                await self._switch(call, route)
            else:
                await self._serve(call, route, begun)
        except asyncio.CancelledError:
            call.refuse(CallerGone("the caller closed the connection"))
            raise
        except Exception as error:  # noqa: BLE001 - see `failed`
            self.failed(call, error)
        finally:
            self.done(call)

    async def _serve(
        self, call: Call, route: Route, begun: Exchange | None, switch: Switch | None = None
    ) -> None:
        """Get a response and relay it; or open a tunnel, if the response begins one."""
        exchange = begun or self._with_token_at_hand(call, route)
        if exchange is None:
            exchange = await self._with_awaited_token(call, route)
        await exchange.run()
        try:
            if self.must_recover(exchange, route) and await is_refused(exchange, route):
                exchange = await recover(call, route, exchange)
                if call.recovery is _RECOVERED:
                    self.note_accepted(call, exchange, route)
            else:
                self.note_accepted(call, exchange, route)
            if exchange.status == SWITCHING:
                assert switch is not None  # or the upstream's 101 was an error
                switch.open(call, route, exchange)
            elif not relay_at_once(call, route, exchange.answer):
                await relay(call, route, exchange.answer)
        finally:
            exchange.close()

    async def _switch(self, call: Call, route: Route) -> None:
        """Take a handshake of WebSocket as far as its response; a tunnel goes on beyond the call."""
        switch = Switch(call, route, self._tunnels)
        try:
            await self._serve(call, route, None, switch)
        finally:
            switch.end()

    async def run_tunnel(self, opened: OpenTunnel) -> None:
        """Run a tunnel that a call opened, to its end, and record that."""
        try:
            await self._tunnels.run(opened)
        finally:
            duration_s = self._clock.now_s() - opened.tunnel.began_s
            opened.counters.tunnel_ended((opened.tunnel.end or TunnelEnd.ERROR).value, duration_s)
            if self._observer is not None:
                self._observer.request_done(opened.record(self._clock.wall_s(), duration_s))

    def refuse(self, call: Call, error: GatewayError) -> None:
        """Respond to what could not be read as a request."""
        call.refuse(error)
        self.done(call)

    def abandon(self, call: Call, exchange: Exchange | None) -> None:
        """End a call that callbacks served and whose caller left."""
        if exchange is not None:
            exchange.fails()
        self.refuse(call, CallerGone("the caller closed the connection"))

    def begun(self, call: Call) -> Exchange | None:
        """Take a call as far as possible without a wait; None if `handle` must continue it.

        Raises:
            GatewayError: the request is refused.
        """
        route = self._match(call)
        gate = route.gate
        if gate is not None:
            if gate.cors is not None and is_preflight(call.head):
                return None
            admission = gate.now(call.head, call.facts.caller, call.started_s)
            if admission is None:
                return None
            route = _let_in(call, route, admission)
        if call.head.wants_websocket:
            return None
        return None if call.head.max_forwards == 0 else self._with_token_at_hand(call, route)

    # ── the steps ─────────────────────────────────────────────────────────────────────────────────

    def _match(self, call: Call) -> Route:
        facts = call.facts
        head = call.plain_head or self._read(call)
        call.is_read(head)
        if self._has_cors and head.method == "OPTIONS" and is_preflight(head):
            call.route = route = self._preflighted(head)
        else:
            call.route = route = self._router.match(head.host, head.path, head.method)
        route.counters.started_requests += 1  # written out: the call would cost as much as ten of these
        gate = route.gate
        if gate is not None and gate.cors is not None:
            call.answer_lines = gate.cors.lines(head)  # before anything can refuse it: pages see why
        route.plan.admit(head, is_local=facts.caller.is_local)
        if head.is_chunked or head.content_length:
            call.body = RequestBody(
                call.payload,
                head,
                keep=self._limits.replay_bytes if route.keeps_bodies else 0,
                most=route.settings.max_body_bytes,
                budget=self._budget,
            )
        if gate is not None and not (gate.cors is not None and is_preflight(head)):
            gate.arrive(head, facts.caller, call.started_s)
        if route.timeouts.total_s is not None:
            facts.total_deadline_s = call.started_s + route.timeouts.total_s
        return route

    def _preflighted(self, head: RequestHead) -> Route:
        """Find the route that a preflight asks about: that of the request which would follow."""
        try:
            route = self._router.match(head.host, head.path, asked_method(head))
            if route.gate is not None and route.gate.cors is not None:
                return route
        except CallerError:
            pass  # nothing would follow it: it is a request as all others
        return self._router.match(head.host, head.path, head.method)

    @staticmethod
    def _answers_preflight(call: Call, route: Route) -> bool:
        """Answer a browser that asks in advance, if the route has a policy for it."""
        cors = route.gate.cors if route.gate is not None else None
        if cors is None or not is_preflight(call.head):
            return False
        call.answer_preflight(cors.preflight_lines(call.head, route.settings.methods))
        return True

    @staticmethod
    async def _admitted(call: Call, route: Route) -> Route:
        """Let the caller in, after a wait if need be; return what the route is for it."""
        assert route.gate is not None
        deadline_s = call.started_s + call.within(route.timeouts.response_s)
        admission = await route.gate.wait(call.head, call.facts.caller, call.started_s, deadline_s)
        return _let_in(call, route, admission)

    def _read(self, call: Call) -> RequestHead:
        message = call.message
        assert message is not None
        is_small = not call.link.had_odd_read
        return self.reader.read(
            message.method, message.path, message.version, message.raw_headers, is_small=is_small
        )

    @staticmethod
    def _with_token_at_hand(call: Call, route: Route) -> Exchange | None:
        """Prepare the exchange, unless its token must be waited for."""
        source, plan = route.source, route.plan
        if (plan.may_keep and plan.keeps_callers(call.head)) or source is None:
            return Exchange(call, route, None)
        token = source.current(call.started_s)
        return Exchange(call, route, token) if token is not None and _lasts(token, call, source) else None

    @staticmethod
    async def _with_awaited_token(call: Call, route: Route) -> Exchange:
        source = route.source
        assert source is not None
        held = source.current(call.started_s)
        deadline_s = call.started_s + call.within(route.timeouts.response_s)
        began_s = call.facts.stopwatch_s()
        try:
            token = await source.token(deadline_s, min_left_s=source.body_margin_s() if held else 0.0)
        finally:
            call.waited_for_token(began_s)
        return Exchange(call, route, token, token_is_new=held is None or held.serial != token.serial)

    @staticmethod
    def must_recover(exchange: Exchange, route: Route) -> bool:
        """Whether the response says, or may say in the rest of its body, that the token was refused.

        So too if it says that another address should be asked, which `Exchange.run` decides.
        """
        if exchange.status not in route.alarms:
            return False
        is_sick = route.targets is not None and exchange.status in SICK
        return is_sick or tells_refusal(exchange, route) is not False

    @staticmethod
    def note_accepted(call: Call, exchange: Exchange, route: Route) -> None:
        """Record that the upstream accepted the token, if it did."""
        token = exchange.token
        if token is not None and exchange.status in ACCEPTED:
            route.note_accepted(token, exchange.answered_s(), call.method, call.path)

    # ── the end ───────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def failed(call: Call, error: Exception) -> None:
        """Respond with what went wrong."""
        if isinstance(error, GatewayError):
            call.refuse(error)
            return
        # Our log formatters show the traceback without the exception's text, which could quote a token.
        log.error("request %s failed in the gateway", call.request_id.decode("ascii"), exc_info=error)
        call.refuse(InternalError("the gateway failed; look for the request id in its log"))

    def done(self, call: Call) -> None:
        """Count and record the call, however it ended."""
        call.is_over = True
        total_s = call.facts.stopwatch_s() - call.began_s
        body, route, exchange, failure = call.body, call.route, call.exchange, call.failure
        if route is not None:
            counters = route.counters
        else:
            counters = self._unrouted
            counters.started()
        received_bytes = 0
        if body is not None:
            body.forget()
            received_bytes = body.received_bytes
        admission = call.admission
        if admission is not None and admission.leave is not None:
            admission.leave()
        waited_s = exchange.waited_s if exchange is not None else None
        recovery, code = call.recovery, failure.code if failure is not None else ""
        counters.done(call.status, total_s, waited_s, received_bytes, call.answer_bytes, recovery, code)
        if route is not None and (code or recovery is not _NO_RECOVERY or route.health.is_troubled):
            _watch(call, route)
        if self._observer is not None:
            self._observer.request_done(call.record(self._clock.wall_s(), total_s))
        call.exchange = None  # each knows the other, and only the garbage collector would free them


def _let_in(call: Call, route: Route, admission: Admission) -> Route:
    """Note that the caller was let in; return what the route is for it.

    Raises:
        GatewayError: the request is refused, because of where this caller's credential goes.
    """
    call.is_admitted(admission)
    if route.tenants is not None:
        call.route = route = route.tenants.of(admission.caller)
        route.plan.admit(call.head, is_local=call.facts.caller.is_local)
    return route


def _lasts(token: Token, call: Call, source: TokenSource) -> bool:
    """Whether a token will do: for a tunnel, or a body that cannot be replayed, it must live a while."""
    if (call.body is None or call.body.can_be_replayed) and not call.head.wants_websocket:
        return True
    return token.left_s(call.started_s) >= source.body_margin_s()


def _watch(call: Call, route: Route) -> None:
    """Update what is known of the upstream's health; off the hot path."""
    failure, health, exchange = call.failure, route.health, call.exchange
    if isinstance(failure, UpstreamError):
        health.failed(failure)
    elif failure is None and call.recovery in USELESS:
        token = exchange.token if exchange is not None else None
        if token is not None and not _is_one_path(token, route.acceptance.token):
            health.refused_tokens()
    elif health.is_troubled and failure is None and exchange is not None and exchange.status:
        health.answered()


def _is_one_path(refused: Token, accepted: Token | None) -> bool:
    """Whether only this path refuses: the upstream accepted this token, or the one before, elsewhere."""
    return accepted is not None and accepted.serial >= refused.serial - 1
