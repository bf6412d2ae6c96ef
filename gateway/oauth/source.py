"""The heart of the token's way: one source of tokens for one grant.

Rules:

- A living token is handed out at once, until its last moment by the monotonic clock or by the wall clock,
  which goes on while the machine sleeps. While it is used, a timer refreshes it early; if that fails, it
  stays.
- Single flight: there is one token request at a time, in a task that the source owns. Each waiter has a
  deadline of its own. It may leave or be cancelled, and the flight goes on.
- A flight never raises: it lands with a token or a failure. Each waiter gets a new error.
- During a back-off, callers without a living token fail at once.
- A token that an upstream renewed has a new number, and is the same session: whoever was refused with an
  earlier value of it is not given the newer one, but waits for a successor.
- A rejected token becomes suspect if it is the one held. Callers whose request it failed wait for its
  successor; everyone else goes on with it until that one lands, even while flights fail.
- Until it has its first token, the source keeps asking by itself; afterwards it asks early or on demand.
- During a back-off, and while it holds a token that is bound to a certificate, it checks every second or
  two whether the client's credentials, or its certificate, were replaced. Sources do so at different
  moments, lest all clients whose files are swapped together ask together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from gateway.core.errors import AuthorizationServerError, TokenTimeout
from gateway.core.oauth.bearer import Held
from gateway.core.oauth.lifetime import BODY_MARGIN_S
from gateway.core.oauth.source_state import SourceState, token_state
from gateway.core.oauth.token_events import Reason, TokenRejected
from gateway.core.oauth.token_outcome import Failed, FailureKind, whole_reason
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.token import Token
from gateway.oauth.maker import Maker
from gateway.oauth.requester import LOOK_AT_FILES_S, Retire, Surroundings, TokenRequester

LOOK_AGAIN_S: Final = 1.0
"""A token that is unused when it has less than this left is not refreshed."""

CLOSED: Final = Failed(FailureKind.UNREACHABLE, "the gateway is shutting down")

Landing = Token | Failed


class GrantSource:
    """Implements `gateway.core.token.TokenSource` for one client and grant.

    Attributes:
        on_landing: is told how each token request ended; None: nobody wants to know.
        session_serial: the number with which the token held came; upstreams may have renewed it since.
    """

    def __init__(self, maker: Maker, around: Surroundings, retire: Retire) -> None:
        """`retire` is called with each living token that is no longer used."""
        self._client = maker.client
        self._is_bound = maker.is_bound
        self._requester = TokenRequester(maker, around, retire)
        self._observer = around.observer
        self._now_s, self._wall_s = around.clock.now_s, around.clock.wall_s
        self._jitter = around.clock.jitter
        self.on_landing: Callable[[Landing], None] | None = None
        self.session_serial = 0
        self._token: Token | None = None
        self._held: Held | None = None
        self._expires_at_s = self._refresh_at_s = self._dead_at_wall_s = -inf
        self._body_margin_s = BODY_MARGIN_S
        self._was_used = False
        self._is_suspect = False
        self._is_closed = False
        self._flight: asyncio.Task[Landing] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<GrantSource {self._client.name}: {self._requester.granted} tokens>"

    # ── what the request's way asks ───────────────────────────────────────────────────────────────

    def current(self, now_s: float) -> Token | None:
        """Return the living token, or None if the caller must wait for one."""
        if now_s < self._expires_at_s and self._wall_s() < self._dead_at_wall_s:
            self._was_used = True
            return self._token
        return None

    async def token(self, deadline_s: float, *, min_left_s: float = 0.0) -> Token:
        """Return a token, waiting until `deadline_s` for one if none lives for another `min_left_s`.

        `min_left_s` is a preference: if no other token can be obtained, a living one is returned regardless.
        """
        now_s = self._now_s()
        held = self.current(now_s)
        if held is None:
            return await self._next(deadline_s)
        if held.left_s(now_s) >= min_left_s or not self._may_fly(now_s):
            return held
        return await self._longer_lived(held, deadline_s)

    async def replacement(self, rejected: Token, deadline_s: float) -> Token:
        """Return a token other than `rejected`, which becomes suspect if it is still held."""
        if self.is_of_held(rejected.serial):
            self._suspect(rejected)
            return await self._next(deadline_s)
        return self.current(self._now_s()) or await self._next(deadline_s)

    def body_margin_s(self) -> float:
        """Return how long a token should still live before a body that cannot be replayed."""
        return self._body_margin_s

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> None:
        """Take over what an upstream renewed of `token`, if that is the one held, and not suspect."""
        if token is not self._token or self._is_suspect or self._is_closed:
            return
        held = self._requester.renewed(token, set_cookies)
        if held is not None:
            self._hold(held)
            if self.on_landing is not None:
                self.on_landing(held.token)

    # ── what the process asks ─────────────────────────────────────────────────────────────────────

    @property
    def has_had_token(self) -> bool:
        """Whether the authorization server has issued a token since the start."""
        return self._requester.granted > 0

    def is_of(self, client: ClientSettings) -> bool:
        """Whether this source would be made of `client` again: the very readers of its secrets included."""
        ours = self._client
        return ours == client and ours.credentials is client.credentials and ours.dpop_key is client.dpop_key

    def start(self) -> None:
        """Request the first token without waiting for it; call this on the running loop."""
        if not self.has_had_token and self._flight is None and not self._is_closed:
            self._launch(Reason.FIRST)

    async def close(self) -> None:
        """Stop the flight and the timer, and retire the token; whoever waits gets `TokenUnavailable`."""
        was_closed, self._is_closed = self._is_closed, True
        self._disarm()
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})
        if not was_closed:
            self._requester.close(self._token)

    def is_of_held(self, serial: int) -> bool:
        """Whether the token of this number is the one held, or was before an upstream renewed that."""
        return self._token is not None and serial >= self.session_serial

    def holds(self, token: Token) -> bool:
        """Whether the text of `token` is in use."""
        held = self._token
        return held is not None and held.field_value == token.field_value and not self._is_closed

    def held(self) -> Held | None:
        """Return the living token with the dates of its life; this is no use of it."""
        lives = self._now_s() < self._expires_at_s and self._wall_s() < self._dead_at_wall_s
        return self._held if lives and not self._is_closed else None

    def error(self, failed: Failed) -> tuple[AuthorizationServerError, float]:
        """Return the error for whoever waited, and how long no token request is sent."""
        return self._requester.error(failed), self._requester.rest_left_s(self._now_s())

    def state(self) -> SourceState:
        """Return what may be shown of this source."""
        now_s = self._now_s()
        failed, is_dead = self._requester.rest.failed, self._wall_s() >= self._dead_at_wall_s
        error = self._requester.error(failed) if failed else None
        return SourceState(
            client=self._client.name,
            has_had_token=self.has_had_token,
            is_in_flight=self._flight is not None,
            token=token_state(None if is_dead else self._token, now_s, is_suspect=self._is_suspect),
            requests=self._requester.counts(),
            last_error=error.code if error else "",
            last_code=failed.code if failed else "",
            last_reason=whole_reason(failed, self._client.name) if failed else "",
            last_side=error.side.value if error else "",
            last_cause=error.cause.value if error and error.cause else "",
            last_key=error.key if error else "",
            retry_in_s=self._requester.rest_left_s(now_s),
            facts=self._requester.facts(),
        )

    # ── waiting ───────────────────────────────────────────────────────────────────────────────────

    async def _next(self, deadline_s: float) -> Token:
        flight = self._flight or self._launch_on_demand()
        # asyncio.wait, unlike wait_for, leaves the flight alone when this waiter leaves.
        await asyncio.wait({flight}, timeout=max(0.0, deadline_s - self._now_s()))
        return self._landed(flight)

    async def _longer_lived(self, held: Token, deadline_s: float) -> Token:
        if self._flight is None:
            self._launch(Reason.EARLY)
        try:
            return await self._next(deadline_s)
        except AuthorizationServerError:
            if self._token is held and held.is_alive(self._now_s()):
                return held
            raise

    def _landed(self, flight: asyncio.Task[Landing]) -> Token:
        landing = self._landing_of(flight)
        if isinstance(landing, Failed):
            raise self._requester.error(landing)
        self._was_used = True
        return landing

    def _landing_of(self, flight: asyncio.Task[Landing]) -> Landing:
        if not flight.done():
            raise TokenTimeout(f"client {self._client.name}: no token within the time of this request")
        return CLOSED if flight.cancelled() else flight.result()

    # ── flying ────────────────────────────────────────────────────────────────────────────────────

    def _may_fly(self, now_s: float) -> bool:
        """Whether a newer token is on its way, or could be requested at once."""
        return self._flight is not None or (self._requester.may_send(now_s) and not self._is_closed)

    def _launch_on_demand(self) -> asyncio.Task[Landing]:
        denial = self._requester.error(CLOSED) if self._is_closed else self._requester.denial()
        if denial is not None:
            raise denial
        return self._launch(self._reason())

    def _reason(self) -> Reason:
        if not self.has_had_token:
            return Reason.FIRST
        return Reason.REJECTED if self._is_suspect else Reason.EXPIRED

    def _launch(self, reason: Reason) -> asyncio.Task[Landing]:
        # Owned by the source, not by a task group: it outlives every waiter, and close() ends it.
        name = f"token request for {self._client.name}"
        self._flight = asyncio.get_running_loop().create_task(self._fly(reason), name=name)
        return self._flight

    async def _fly(self, reason: Reason) -> Landing:
        try:
            landing = self._land(await self._requester.request(reason))
        finally:
            self._flight = None
        if self.on_landing is not None:
            self.on_landing(landing)
        return landing

    def _land(self, landing: Held | Failed) -> Landing:
        if isinstance(landing, Failed):
            self._await_rest(self._now_s())
            return landing
        self._use(landing)
        return landing.token

    # ── using ─────────────────────────────────────────────────────────────────────────────────────

    def _use(self, held: Held) -> None:
        if self._token is not None and self._token.field_value != held.token.field_value:
            self._requester.retire(self._token)
        self.session_serial = held.token.serial
        self._hold(held)

    def _hold(self, held: Held) -> None:
        self._held, self._token, self._expires_at_s = held, held.token, held.life.expires_at_s
        self._dead_at_wall_s = held.life.dead_at_wall_s
        self._body_margin_s = held.life.body_margin_s
        self._was_used = self._is_suspect = False
        self._refresh_at_s = held.life.refresh_at_s
        self._look_at(self._refresh_at_s)

    def _suspect(self, rejected: Token) -> None:
        if not self._is_suspect:
            self._is_suspect = True
            self._observer.told(TokenRejected(self._client.name, rejected))

    # ── the timer: the early refresh, and the next attempt after a failure ────────────────────────

    def _arm(self, at_s: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _await_rest(self, now_s: float) -> None:
        self._arm(min(self._requester.rest.until_s, self._next_look_at_s(now_s)))

    def _look_at(self, at_s: float) -> None:
        """Set the timer, earlier if files may be replaced."""
        if self._is_bound:
            at_s = min(at_s, self._next_look_at_s(self._now_s()))
        self._arm(at_s)

    def _next_look_at_s(self, now_s: float) -> float:
        # Up to twice as long, at random: the files of many clients may be replaced at once.
        return now_s + LOOK_AT_FILES_S * (1.0 + self._jitter())

    def _on_timer(self) -> None:
        now_s = self._now_s()
        if self._flight is not None:
            return
        self._requester.look_again()
        if self._requester.rest_left_s(now_s) > 0.0:
            self._await_rest(now_s)
        elif not self.has_had_token:
            self._launch(Reason.FIRST)
        elif self._expires_at_s > now_s:
            self._look_after_token(now_s)

    def _look_after_token(self, now_s: float) -> None:
        left_s = self._expires_at_s - now_s
        if self._requester.is_certificate_replaced():
            self._launch(Reason.REPLACED)
        elif now_s < self._refresh_at_s:
            self._look_at(self._refresh_at_s)
        elif self._was_used:
            self._launch(Reason.EARLY)
        elif left_s > LOOK_AGAIN_S:
            # Unused so far; if use begins in its last seconds, it still gets its early refresh.
            self._look_at(now_s + left_s / 2)
