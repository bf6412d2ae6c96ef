"""The token requests of one source: a second apart, counted, observed, with a back-off after each failure.

This decides *whether and when* a token request may be sent; `source` decides whether one is wanted, and a
`maker` how it is made. A failed request is a value (`Failed`); only callers who must be turned away get an
error.

If the client's certificate is replaced during a request, another request follows before the token is used:
upstreams already see the new certificate, and would refuse a token that is bound to the old one.

The back-off that counts is the longest of the source's own, that of all the client's grants (`turns`) and
that which its maker keeps (for an issuer, say). It ends early when the client's credentials are replaced, so
that whoever repairs a secret need not wait for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Final, assert_never

from gateway.core.clock import Clock
from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.bearer import Held
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import cause_of
from gateway.core.oauth.lifetime import bounded_life_s, may_send_at_s, plan_life
from gateway.core.oauth.source_state import RequestCounts
from gateway.core.oauth.standing import BEHIND_S, refuses_client
from gateway.core.oauth.token_answer import missing_scope
from gateway.core.oauth.token_events import (
    Reason,
    ScopeReduced,
    TokenFailed,
    TokenObserver,
    TokenObtained,
    TokenRequested,
)
from gateway.core.oauth.token_outcome import Failed, Granted, Outcome, failure_error
from gateway.core.token import Token
from gateway.oauth.maker import Maker
from gateway.oauth.turns import Desk, SharedFailure, Turns

Retire = Callable[[Maker, Token], None]
LOOK_AT_FILES_S: Final = 1.0
"""How often the credentials are checked for a repair during a back-off."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source of a process shares.

    Attributes:
        fingerprint_key: up to 32 random bytes, made at the start of the process.
        turns: decides who may ask first among grants of the same client.
    """

    clock: Clock
    observer: TokenObserver
    fingerprint_key: bytes = field(repr=False)
    turns: Turns = field(default_factory=Turns)


class TokenRequester:
    """Requests tokens for one client and grant, one at a time."""

    def __init__(self, maker: Maker, around: Surroundings, retire: Retire) -> None:
        self._maker = maker
        self._client = maker.client
        self._retire = retire
        self._clock = around.clock
        self._observer = around.observer
        self._fingerprint_key = around.fingerprint_key
        self._last_sent_at_s = -inf
        self._last_sent_at_wall_s = -inf
        self._sent_at_stopwatch_s = 0.0
        self._counts: Counter[str] = Counter()
        self._turns = around.turns
        self._turns.join(maker.registration)
        self._granted_to: Hashable = None
        self._missing_scope: tuple[str, ...] = ()
        self._own_rest = Rest()
        self._has_shared = False
        self._take_place()
        self.granted = 0

    async def request(self, reason: Reason) -> Held | Failed:
        """Request a token, and another one if its certificate is replaced meanwhile; never raises."""
        landing = await self._ask(reason)
        while isinstance(landing, Held) and self.is_certificate_replaced():
            newer = await self._ask(Reason.REPLACED)
            if isinstance(newer, Failed):
                break  # the first token may still work: not every token is bound
            self.retire(landing.token)
            landing = newer
        return landing

    async def _ask(self, reason: Reason) -> Held | Failed:
        """Ask once, at least a second after the last time."""
        await asyncio.sleep(max(0.0, may_send_at_s(self._last_sent_at_s) - self._clock.now_s()))
        jitter, send, desk = self._clock.jitter(), partial(self._send, reason), self._take_place()
        outcome = await desk.ask(self._client.grant, send, self._clock, jitter, has_shared=self._has_shared)
        self._has_shared = isinstance(outcome, SharedFailure)
        match outcome:
            case Granted():
                return self._held(outcome)
            case SharedFailure():
                return self._rest_with_others(outcome.failed, jitter)
            case Failed():
                return self._rest_after(outcome, jitter)
            case _:
                assert_never(outcome)

    def _take_place(self) -> Desk:
        """Go to the desk for the present credentials, which the next request uses."""
        self._asked_with = self._maker.mark()
        self._asked_with_certificate = self._maker.binding_mark()
        self._looked_at_s, self._is_repaired = -inf, False
        self._desk = self._turns.desk(self._maker.registration, self._asked_with)
        return self._desk

    async def _send(self, reason: Reason) -> Outcome:
        self._observer.told(TokenRequested(self._client.name, reason))
        self._last_sent_at_s, self._last_sent_at_wall_s = self._clock.now_s(), self._clock.wall_s()
        self._sent_at_stopwatch_s = self._clock.stopwatch_s()
        return await self._maker.make()

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> Held | None:
        """Return the token as an upstream has renewed it, or None; it costs no request."""
        granted = self._maker.renewed(token, set_cookies)
        if granted is None:
            return None
        lifetime_s = bounded_life_s(granted.lifetime_s, self._client.default_lifetime_s)
        life = plan_life(self._clock.now_s(), lifetime_s, self._clock.jitter(), self._clock.wall_s())
        self.granted += 1
        return Held.of(granted, life, self.granted, self._fingerprint_key)

    @property
    def rest(self) -> Rest:
        """The back-off that counts."""
        standing, own = self._desk.standing, self._own_rest
        if own.failed is not None and self._client.grant in standing.pardoned and refuses_client(own.failed):
            own = Rest()
        makers = self._maker.rest()
        return max(own, standing.rest, makers, key=lambda rest: rest.until_s)

    def may_send(self, now_s: float) -> bool:
        """Whether a request would be sent at once."""
        return now_s >= may_send_at_s(self._last_sent_at_s) and self.rest_left_s(now_s) <= 0.0

    def rest_left_s(self, now_s: float) -> float:
        """Return how long no request may be sent after a failure; 0 if its reason was replaced."""
        return self._left_s(self.rest, now_s)

    def look_again(self) -> None:
        """Make the next question about the back-off check the credentials, however recent the last check."""
        self._looked_at_s = -inf

    def _left_s(self, rest: Rest, now_s: float) -> float:
        left_s = rest.left_s(now_s)
        has_asked_for_time = rest.failed is not None and rest.failed.retry_after_s is not None
        if left_s <= 0.0 or has_asked_for_time:
            return left_s
        return 0.0 if self._was_repaired(now_s) else left_s

    def _was_repaired(self, now_s: float) -> bool:
        """Whether the credentials were replaced; checked once a second, not for each caller turned away."""
        if not self._is_repaired and now_s >= self._looked_at_s + LOOK_AT_FILES_S:
            self._looked_at_s = now_s
            self._is_repaired = self._maker.mark() != self._asked_with
        return self._is_repaired

    def is_certificate_replaced(self) -> bool:
        """Whether the client's certificate has been replaced since it obtained its token."""
        return self._maker.is_bound and self._maker.binding_mark() != self._granted_to

    def retire(self, token: Token | None) -> None:
        """Hand over a token that is no longer used, if it is still alive."""
        if token is not None and token.is_alive(self._clock.now_s()):
            self._retire(self._maker, token)

    def close(self, token: Token | None) -> None:
        """Release the grant's turn, and hand over its last token."""
        self._turns.leave(self._maker.registration)
        self.retire(token)

    def denial(self) -> AuthorizationServerError | None:
        """Return the error for a caller who comes during a back-off, or None outside one."""
        rest = self.rest
        left_s = self._left_s(rest, self._clock.now_s())
        if left_s <= 0.0 or rest.failed is None:
            return None
        return self._error(rest.failed, left_s, has_waited=False)

    def error(self, failed: Failed) -> AuthorizationServerError:
        """Return a new error for a caller who waited for a request that failed."""
        return self._error(failed, self.rest.left_s(self._clock.now_s()), has_waited=True)

    def _error(self, failed: Failed, left_s: float, *, has_waited: bool) -> AuthorizationServerError:
        error = failure_error(failed, self._client.name, left_s, has_waited=has_waited)
        error.cause, error.key = cause_of(failed), self._maker.key_of(failed)
        return error

    def facts(self) -> ClientFacts:
        """Return what is known of the client."""
        return self._maker.facts()

    def counts(self) -> RequestCounts:
        """Return the number of requests so far, by outcome."""
        return RequestCounts(**self._counts)

    def _held(self, granted: Granted) -> Held:
        lifetime_s = bounded_life_s(granted.lifetime_s, self._client.default_lifetime_s)
        sent_at_s, jitter = self._last_sent_at_s, self._clock.jitter()
        life = plan_life(sent_at_s, lifetime_s, jitter, self._last_sent_at_wall_s)
        self.granted += 1
        self._granted_to = self._asked_with_certificate
        self._counts["granted"] += 1
        self._own_rest = Rest()
        held = Held.of(granted, life, self.granted, self._fingerprint_key)
        took_s = self._clock.stopwatch_s() - self._sent_at_stopwatch_s
        self._observer.told(TokenObtained(self._client.name, held.token, lifetime_s, took_s))
        self._compare_scope(granted)
        return held

    def _compare_scope(self, granted: Granted) -> None:
        missing = missing_scope(self._client.grant.scope, granted.scope)
        if missing and missing != self._missing_scope:
            self._observer.told(ScopeReduced(self._client.name, missing))
        self._missing_scope = missing

    def _rest_after(self, failed: Failed, jitter: float) -> Failed:
        now_s = self._clock.now_s()
        self._pause(failed, now_s, jitter)
        is_last_refused = self._desk.standing.refused[-1:] == (self._client.grant,)
        if is_last_refused and self._turns.has_others(self._maker.registration):
            until_s = max(self._own_rest.until_s, self._desk.standing.rest.until_s) + BEHIND_S
            self._own_rest = replace(self._own_rest, until_s=until_s)
        self._counts[failed.kind.value] += 1
        self._observer.told(TokenFailed(self._client.name, self.error(failed), self.rest.left_s(now_s)))
        return failed

    def _rest_with_others(self, failed: Failed, jitter: float) -> Failed:
        """Back off like the grant that asked; if the client was refused, the desk has the back-off."""
        if not refuses_client(failed):
            self._pause(failed, self._clock.now_s(), jitter)
        return failed

    def _pause(self, failed: Failed, now_s: float, jitter: float) -> None:
        """Back off, unless the maker does: all clients of an issuer go on together when it is back."""
        if self._maker.rest().failed is not failed:
            self._own_rest = self._own_rest.after(failed, now_s, jitter)
