"""Token requests of one source: a second apart, counted, observed, with a rest after each failure.

What is decided here is *whether and when* a token request may be sent; `source` decides whether one is
wanted. A request that failed is a value (`Failed`); only callers who must be turned away get an error.

A request during which the client's certificate was replaced is followed by another one before its token is
given: upstreams are shown the new certificate already, and would refuse what is bound to the old one.

A rest ends early when what the client proves itself with was replaced: who repairs a secret does not wait
for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, assert_never

from gateway.core.backoff import Rest
from gateway.core.bearer import Held, hold
from gateway.core.client_facts import ClientFacts
from gateway.core.client_settings import ClientSettings
from gateway.core.clock import Clock
from gateway.core.errors import AuthorizationServerError
from gateway.core.lifetime import bounded_life_s, may_send_at_s, plan_life
from gateway.core.record import Reason, TokenObserver
from gateway.core.source_state import RequestCounts
from gateway.core.token import Token
from gateway.core.token_answer import missing_scope
from gateway.core.token_outcome import Failed, Granted, Outcome, failure_error

Retire = Callable[[ClientSettings, Token], None]


class Endpoint(Protocol):
    """Where a source asks."""

    async def fetch(self, client: ClientSettings) -> Outcome:
        """Ask once; raises nothing but cancellation."""

    def mark(self, client: ClientSettings) -> Hashable:
        """Give a value that changes when anything was replaced that the client proves itself with."""

    def facts(self, client: ClientSettings) -> ClientFacts:
        """Give what is known of the client."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source of a process shares.

    Attributes:
        fingerprint_key: up to 32 random bytes, made at the start of the process.
    """

    clock: Clock
    observer: TokenObserver
    fingerprint_key: bytes = field(repr=False)


class TokenRequester:
    """Asks for tokens of one client and grant, one request after the other."""

    def __init__(
        self, client: ClientSettings, endpoint: Endpoint, around: Surroundings, retire: Retire
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._retire = retire
        self._clock = around.clock
        self._observer = around.observer
        self._fingerprint_key = around.fingerprint_key
        self._last_sent_at_s = -inf
        self._last_sent_at_wall_s = -inf
        self._counts: Counter[str] = Counter()
        self._asked_with: Hashable = None
        self._granted_to: Hashable = None
        self._missing_scope: tuple[str, ...] = ()
        self.rest = Rest()
        self.granted = 0

    async def request(self, reason: Reason) -> Held | Failed:
        """Ask for a token, and once more where its certificate was replaced meanwhile; never raises."""
        landing = await self._ask(reason)
        while isinstance(landing, Held) and self.is_certificate_replaced():
            newer = await self._ask(Reason.REPLACED)
            if isinstance(newer, Failed):
                break  # the first one may still do: not every token is bound
            self.retire(landing.token)
            landing = newer
        return landing

    async def _ask(self, reason: Reason) -> Held | Failed:
        """Ask once, not sooner than a second after the last time."""
        await asyncio.sleep(max(0.0, may_send_at_s(self._last_sent_at_s) - self._clock.now_s()))
        self._observer.token_requested(self._client.name, reason)
        self._last_sent_at_s, self._last_sent_at_wall_s = self._clock.now_s(), self._clock.wall_s()
        self._asked_with = self._endpoint.mark(self._client)
        outcome = await self._endpoint.fetch(self._client)
        match outcome:
            case Granted():
                return self._take(outcome)
            case Failed():
                return self._rest_after(outcome)
            case _:
                assert_never(outcome)

    def may_send(self, now_s: float) -> bool:
        """Whether a request would leave at once."""
        return now_s >= may_send_at_s(self._last_sent_at_s) and self.rest_left_s(now_s) <= 0.0

    def rest_left_s(self, now_s: float) -> float:
        """Give how long no request may be sent after a failure; 0 if the reason for it was replaced."""
        left_s = self.rest.left_s(now_s)
        asked_for_time = self.rest.failed is not None and self.rest.failed.retry_after_s is not None
        if left_s <= 0.0 or asked_for_time:
            return left_s
        return left_s if self._endpoint.mark(self._client) == self._asked_with else 0.0

    def is_certificate_replaced(self) -> bool:
        """Whether the client shows another certificate now than when it was given its token."""
        has_one = self._client.grant.certificate is not None
        return has_one and self._endpoint.mark(self._client) != self._granted_to

    def retire(self, token: Token | None) -> None:
        """Have a token taken care of that is no longer used, if it lives."""
        if token is not None and token.is_alive(self._clock.now_s()):
            self._retire(self._client, token)

    def denial(self) -> AuthorizationServerError | None:
        """Give the error for a caller who comes during a rest, or None where there is no rest."""
        left_s = self.rest_left_s(self._clock.now_s())
        if left_s <= 0.0 or self.rest.failed is None:
            return None
        return failure_error(self.rest.failed, self._client.name, left_s, has_waited=False)

    def error(self, failed: Failed) -> AuthorizationServerError:
        """Give a fresh error for a caller who waited for a request that failed."""
        left_s = self.rest.left_s(self._clock.now_s())
        return failure_error(failed, self._client.name, left_s, has_waited=True)

    def facts(self) -> ClientFacts:
        """Give what is known of the client."""
        return self._endpoint.facts(self._client)

    def counts(self) -> RequestCounts:
        """Give the requests so far, by outcome."""
        return RequestCounts(**self._counts)

    def _take(self, granted: Granted) -> Held:
        lifetime_s = bounded_life_s(granted.lifetime_s, self._client.default_lifetime_s)
        sent_at_s, jitter = self._last_sent_at_s, self._clock.jitter()
        life = plan_life(sent_at_s, lifetime_s, jitter, self._last_sent_at_wall_s)
        self.granted += 1
        self._granted_to = self._asked_with
        self._counts["granted"] += 1
        self.rest = Rest()
        held = hold(granted, life, self.granted, self._fingerprint_key)
        took_s = self._clock.now_s() - life.sent_at_s
        self._observer.token_obtained(self._client.name, held.token, lifetime_s, took_s)
        self._compare_scope(granted)
        return held

    def _compare_scope(self, granted: Granted) -> None:
        missing = missing_scope(self._client.grant.scope, granted.scope)
        if missing and missing != self._missing_scope:
            self._observer.scope_reduced(self._client.name, missing)
        self._missing_scope = missing

    def _rest_after(self, failed: Failed) -> Failed:
        now_s = self._clock.now_s()
        self.rest = self.rest.after(failed, now_s, self._clock.jitter())
        self._counts[failed.kind.value] += 1
        self._observer.token_failed(self._client.name, self.error(failed), self.rest.left_s(now_s))
        return failed
