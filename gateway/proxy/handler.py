"""The request's way, in order. Read `Handler.handle` first.

Rules: decisions are made in `core`; here they only follow each other. No token, no request. Whatever
happens, a request ends in exactly one answer or a broken connection, and in one record.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.core.clock import Clock
from gateway.core.errors import (
    CallerGone,
    GatewayError,
    InternalError,
    RouteTimeout,
    UpstreamError,
)
from gateway.core.http.access_record import RequestObserver
from gateway.core.http.outbound import request_id
from gateway.core.http.recovery import ACCEPTED, USELESS, Recovery
from gateway.core.http.request_head import HeadReader
from gateway.core.http.routing import Router
from gateway.core.settings import Limits
from gateway.core.token import Token, TokenSource
from gateway.proxy.body import ReplayBudget, RequestBody
from gateway.proxy.call import Call
from gateway.proxy.exchange import exchange
from gateway.proxy.refused import recover
from gateway.proxy.relay import relay, relay_at_once
from gateway.proxy.route import Route, RouteCounters

_NO_RECOVERY: Final = Recovery.NONE  # the attribute of an Enum class is a slow look-up before Python 3.12

log: Final = logging.getLogger("gateway.proxy")


class Handler:
    """Serves calls: one for all listeners.

    Attributes:
        stopwatch_s: gives instants between which durations are told (`Clock`).
    """

    def __init__(
        self,
        router: Router[Route],
        limits: Limits,
        clock: Clock,
        unrouted: RouteCounters,
        observer: RequestObserver | None,
    ) -> None:
        self._router = router
        self._limits = limits
        self._clock = clock
        self._unrouted = unrouted
        self._observer = observer
        self.stopwatch_s = clock.stopwatch_s
        self._reader = HeadReader(limits)
        self._budget = ReplayBudget(limits.replay_total_bytes)

    async def handle(self, call: Call) -> None:
        """Take one request from its head to the last byte of its answer."""
        try:
            route = self._match(call)
            if call.head.max_forwards == 0:
                call.answer_options(route.settings.methods)
                return
            if route.source is not None and not (route.plan.may_keep and route.plan.keeps_callers(call.head)):
                call.token = self._token_at_hand(call, route.source) or await self._await_token(call, route)
            attempt = await exchange(call, route, call.token)
            try:
                if call.token is not None:
                    if call.upstream_status in route.settings.recover_on:
                        attempt = await recover(call, route, attempt, self._clock.now_s)
                    if call.upstream_status in ACCEPTED:
                        answered_s = call.sent_s + (call.upstream_s or 0.0)
                        route.note_accepted(call.token, answered_s, call.head.method, call.path)
                if not relay_at_once(call, route, attempt.answer):
                    await relay(call, route, attempt.answer)
            finally:
                attempt.close()
        except GatewayError as error:
            call.refuse(error)
        except asyncio.CancelledError:
            call.refuse(CallerGone("the caller closed the connection"))
            raise
        except Exception:
            # Our formatters show where it passed, never its text, which could quote a token.
            log.exception("request %s failed in the gateway", call.request_id.decode("ascii"))
            call.refuse(InternalError("the gateway failed; its log has the request id"))
        finally:
            self._done(call)

    def refuse(self, call: Call, error: GatewayError) -> None:
        """Answer what could not be read as a request."""
        call.refuse(error)
        self._done(call)

    def wall_s(self) -> float:
        """Give seconds since 1970."""
        return self._clock.wall_s()

    # ── the steps ─────────────────────────────────────────────────────────────────────────────────

    def _match(self, call: Call) -> Route:
        message = call.message
        connection = call.connection
        call.head = head = self._reader.read(
            message.method,
            message.path,
            message.version,
            message.raw_headers,
            is_small=not connection.had_odd_read,
        )
        call.path = head.target.path
        if (caller := connection.caller).is_trusted:
            call.forwarded_for = caller.client_behind(head)
        if b"x-request-id" in head.special:
            call.request_id = request_id(head, call.request_id)
        if head.offers_upgrade:
            call.keeps_alive = False  # aiohttp drops what follows an upgrade that is ignored
        call.route = route = self._router.match(head.host, head.target.path, head.method)
        route.counters.started()
        route.plan.admit(head, is_local=caller.is_local)
        if head.is_chunked or head.content_length:
            call.body = RequestBody(
                call.payload,
                head,
                keep=self._limits.replay_bytes if route.source is not None else 0,
                most=route.settings.max_body_bytes,
                budget=self._budget,
            )
        if route.timeouts.total_s is not None:
            connection.total_deadline_s = call.started_s + route.timeouts.total_s
        return route

    @staticmethod
    def _token_at_hand(call: Call, source: TokenSource) -> Token | None:
        """Give the living token; a body that cannot be replayed wants one with time left."""
        token = source.current(call.started_s)
        if token is None or call.body is None or call.body.can_be_replayed:
            return token
        return token if token.left_s(call.started_s) >= source.body_margin_s() else None

    async def _await_token(self, call: Call, route: Route) -> Token:
        source = route.source
        assert source is not None
        held = source.current(call.started_s)
        deadline_s = call.started_s + call.within(route.timeouts.response_s)
        began_s = self.stopwatch_s()
        try:
            token = await source.token(deadline_s, min_left_s=source.body_margin_s() if held else 0.0)
        finally:
            call.token_s += self.stopwatch_s() - began_s
        call.token_is_new = held is None or held.serial != token.serial
        return token

    def _done(self, call: Call) -> None:
        """Count and tell; the same for every end."""
        total_s = self.stopwatch_s() - call.began_s
        body, route = call.body, call.route
        if route is None:
            self._unrouted.started()
        counters = self._unrouted if route is None else route.counters
        if body is not None:
            body.forget()
        counters.done(
            call.status,
            total_s,
            call.upstream_s,
            body.received_bytes if body is not None else 0,
            call.answer_bytes,
            call.recovery,
            call.error,
        )
        is_eventful = call.error or call.recovery is not _NO_RECOVERY
        if route is not None and (is_eventful or route.health.is_troubled):
            _watch(call, route)
        if self._observer is not None:
            self._observer.request_done(call.record(self._clock.wall_s(), total_s))


def _watch(call: Call, route: Route) -> None:
    """Have it told how the upstream does; off the hot path."""
    failure, health = call.failure, route.health
    if isinstance(failure, UpstreamError):
        health.failed(failure)
    elif failure is None and call.recovery in USELESS:
        if call.token is not None and not _is_one_path(call.token, route.acceptance.token):
            health.refused_tokens()
    elif health.is_troubled and failure is None and call.upstream_status:
        health.answered()


def _is_one_path(refused: Token, accepted: Token | None) -> bool:
    """Whether the upstream accepted this token, or the one before, elsewhere: some paths always say 401."""
    return accepted is not None and accepted.serial >= refused.serial - 1


def late(call: Call) -> None:
    """End a call whose route's whole time is over."""
    error = RouteTimeout("the route's timeout is over", was_sent=call.upstream is not None)
    if call.upstream is not None:
        call.upstream.fail(error)
    if call.status:
        call.error = error.code
        call.failure = call.failure or error
        call.connection.break_off()
