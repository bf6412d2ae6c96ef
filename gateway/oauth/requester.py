"""Token requests of one source: a second apart, counted, observed, with a rest after each failure.

What is decided here is *whether and when* a token request may be sent; `source` decides whether one is
wanted. A request that failed is a value (`Failed`); only callers who must be turned away get an error.

A request during which the client's certificate was replaced is followed by another one before its token is
given: upstreams are shown the new certificate already, and would refuse what is bound to the old one.

A rest ends early when what the client proves itself with was replaced: who repairs a secret does not wait
for it. The rest that counts is the longest of its own, of all the client's grants (`turns`) and of its issuer
(`discovery`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Final, assert_never

from gateway.core.client_settings import ClientSettings
from gateway.core.clock import Clock
from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.bearer import Held
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import cause_of, key_of
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
from gateway.oauth.endpoint import TokenEndpoint
from gateway.oauth.turns import Desk, SharedFailure, Turns

Retire = Callable[[ClientSettings, Token], None]
LOOK_AT_FILES_S: Final = 1.0
"""How often, while a client rests, its credentials are looked at for a repair."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source of a process shares.

    Attributes:
        fingerprint_key: up to 32 random bytes, made at the start of the process.
        turns: whose it is to ask, where grants ask as the same client.
    """

    clock: Clock
    observer: TokenObserver
    fingerprint_key: bytes = field(repr=False)
    turns: Turns = field(default_factory=Turns)


class TokenRequester:
    """Asks for tokens of one client and grant, one request after the other."""

    def __init__(
        self, client: ClientSettings, endpoint: TokenEndpoint, around: Surroundings, retire: Retire
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._retire = retire
        self._clock = around.clock
        self._observer = around.observer
        self._fingerprint_key = around.fingerprint_key
        self._last_sent_at_s = -inf
        self._last_sent_at_wall_s = -inf
        self._sent_at_stopwatch_s = 0.0
        self._counts: Counter[str] = Counter()
        self._turns = around.turns
        self._turns.join(client)
        self._granted_to: Hashable = None
        self._missing_scope: tuple[str, ...] = ()
        self._own_rest = Rest()
        self._has_shared = False
        self._take_place()
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
        """Go to the desk of the credentials as they are now, with which the next request is made."""
        self._asked_with = self._endpoint.credentials_mark(self._client)
        self._asked_with_certificate = self._endpoint.certificate_mark(self._client)
        self._looked_at_s, self._is_repaired = -inf, False
        self._desk = self._turns.desk(self._client, self._asked_with)
        return self._desk

    async def _send(self, reason: Reason) -> Outcome:
        self._observer.told(TokenRequested(self._client.name, reason))
        self._last_sent_at_s, self._last_sent_at_wall_s = self._clock.now_s(), self._clock.wall_s()
        self._sent_at_stopwatch_s = self._clock.stopwatch_s()
        return await self._endpoint.fetch(self._client)

    @property
    def rest(self) -> Rest:
        """The rest that counts."""
        standing, own = self._desk.standing, self._own_rest
        if own.failed is not None and self._client.grant in standing.pardoned and refuses_client(own.failed):
            own = Rest()
        issuers = self._endpoint.issuer_rest(self._client)
        return max(own, standing.rest, issuers, key=lambda rest: rest.until_s)

    def may_send(self, now_s: float) -> bool:
        """Whether a request would leave at once."""
        return now_s >= may_send_at_s(self._last_sent_at_s) and self.rest_left_s(now_s) <= 0.0

    def rest_left_s(self, now_s: float) -> float:
        """Return how long no request may be sent after a failure; 0 if the reason for it was replaced."""
        return self._left_s(self.rest, now_s)

    def look_again(self) -> None:
        """Look at the credentials' files when the rest is asked for next, however short ago that was done."""
        self._looked_at_s = -inf

    def _left_s(self, rest: Rest, now_s: float) -> float:
        left_s = rest.left_s(now_s)
        has_asked_for_time = rest.failed is not None and rest.failed.retry_after_s is not None
        if left_s <= 0.0 or has_asked_for_time:
            return left_s
        return 0.0 if self._was_repaired(now_s) else left_s

    def _was_repaired(self, now_s: float) -> bool:
        """Whether the credentials were replaced; looked at once a second, not for each caller turned away."""
        if not self._is_repaired and now_s >= self._looked_at_s + LOOK_AT_FILES_S:
            self._looked_at_s = now_s
            self._is_repaired = self._endpoint.credentials_mark(self._client) != self._asked_with
        return self._is_repaired

    def is_certificate_replaced(self) -> bool:
        """Whether the client shows another certificate now than when it was given its token."""
        has_one = self._client.grant.certificate is not None
        return has_one and self._endpoint.certificate_mark(self._client) != self._granted_to

    def retire(self, token: Token | None) -> None:
        """Have a token taken care of that is no longer used, if it lives."""
        if token is not None and token.is_alive(self._clock.now_s()):
            self._retire(self._client, token)

    def denial(self) -> AuthorizationServerError | None:
        """Give the error for a caller who comes during a rest, or None where there is no rest."""
        rest = self.rest
        left_s = self._left_s(rest, self._clock.now_s())
        if left_s <= 0.0 or rest.failed is None:
            return None
        return self._error(rest.failed, left_s, has_waited=False)

    def error(self, failed: Failed) -> AuthorizationServerError:
        """Give a fresh error for a caller who waited for a request that failed."""
        return self._error(failed, self.rest.left_s(self._clock.now_s()), has_waited=True)

    def _error(self, failed: Failed, left_s: float, *, has_waited: bool) -> AuthorizationServerError:
        error = failure_error(failed, self._client.name, left_s, has_waited=has_waited)
        error.cause, error.key = cause_of(failed), key_of(failed, self._client)
        return error

    def facts(self) -> ClientFacts:
        """Give what is known of the client."""
        return self._endpoint.facts(self._client)

    def counts(self) -> RequestCounts:
        """Give the requests so far, by outcome."""
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
        if self._desk.standing.refused[-1:] == (self._client.grant,) and self._turns.has_others(self._client):
            until_s = max(self._own_rest.until_s, self._desk.standing.rest.until_s) + BEHIND_S
            self._own_rest = replace(self._own_rest, until_s=until_s)
        self._counts[failed.kind.value] += 1
        self._observer.told(TokenFailed(self._client.name, self.error(failed), self.rest.left_s(now_s)))
        return failed

    def _rest_with_others(self, failed: Failed, jitter: float) -> Failed:
        """Rest as the one does that asked; where the client was refused, the desk has the rest."""
        if not refuses_client(failed):
            self._pause(failed, self._clock.now_s(), jitter)
        return failed

    def _pause(self, failed: Failed, now_s: float, jitter: float) -> None:
        """Pause, unless it is the issuer that pauses: all its clients go on together when it is back."""
        if self._endpoint.issuer_rest(self._client).failed is not failed:
            self._own_rest = self._own_rest.after(failed, now_s, jitter)
