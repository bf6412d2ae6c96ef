"""A worker's token sources: mirrors of those that the keeper has.

Rules:

- A living token is handed out at once, as by the source itself: no record, no wait.
- Where there is none, the keeper is told what is wanted, once however many wait. Callers wait for whatever it
  tells next of that source, a token or a failure, and never for the answer to a question of theirs.
- A failure turns callers away until its back-off is over. Meanwhile the keeper is asked at most once a second
  whether it still is, since a secret may have been repaired.
- The keeper may die and return. Tokens live on, what is wanted is said again, and a new keeper's tokens count
  from 1 again.
- Use is told once for each token and by a timer, since requests have no time for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from gateway.core.cause import Cause
from gateway.core.clock import Clock
from gateway.core.crew.records import NoTokenIs, Record, Rejected, Renewed, TokenIs, Used, Want
from gateway.core.errors import AuthorizationServerError, TokenTimeout, TokenUnavailable
from gateway.core.oauth.lifetime import BODY_MARGIN_S, may_send_at_s
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Prover, Token

ASK_AGAIN_S: Final = 1.0
"""How often the keeper is asked whether a back-off has ended early."""
_PAUSE_S: Final = 0.05
_CLOSING: Final = "the gateway is shutting down"

_ERRORS: Final = {each.code: each for each in AuthorizationServerError.__subclasses__()}

Landing = Token | NoTokenIs


@dataclass(frozen=True, slots=True)
class _Denied:
    """The last failure, and when it was told."""

    told: NoTokenIs
    told_at_s: float


class Mirror:
    """Implements `gateway.core.token.TokenSource` for one grant, by what the keeper tells.

    Args:
        key: which source of the keeper's.
        ask: sends a record to the keeper, if there is one.

    Attributes:
        key: as above; another keeper has another.
    """

    def __init__(self, key: int, client: ClientName, clock: Clock, ask: Callable[[Record], None]) -> None:
        self.key = key
        self._client = client
        self._now_s, self._wall_s = clock.now_s, clock.wall_s
        self._ask = ask
        self._token: Token | None = None
        self._expires_at_s = self._dead_at_wall_s = -inf
        self._body_margin_s = BODY_MARGIN_S
        self._serial = self._session = 0
        self._was_used = self._has_told_use = False
        self._is_suspect = self._is_closed = False
        self._denied: _Denied | None = None
        self._asked: list[Record] = []
        self._asked_at_s = -inf
        self._next_landing: asyncio.Future[Landing] | None = None

    def __repr__(self) -> str:
        return f"<Mirror {self._client}: {self._serial}>"

    # ── what the request's way asks ───────────────────────────────────────────────────────────────

    def current(self, now_s: float) -> Token | None:
        """Return the living token, or None if the caller must wait for one."""
        if now_s < self._expires_at_s and self._wall_s() < self._dead_at_wall_s:
            self._was_used = True
            return self._token
        return None

    async def token(self, deadline_s: float, *, min_left_s: float = 0.0) -> Token:
        """Return a token, waiting until `deadline_s` for one if none lives for another `min_left_s`."""
        now_s = self._now_s()
        held = self.current(now_s)
        if held is None:
            return await self._next(deadline_s, Want(self.key, self._serial))
        if held.left_s(now_s) >= min_left_s or not self._may_fly(held, now_s):
            return held
        return await self._longer_lived(held, deadline_s)

    async def replacement(self, rejected: Token, deadline_s: float) -> Token:
        """Return a token other than `rejected`, which becomes suspect if it is still held."""
        if self._token is not rejected and not self._is_same_session(rejected):
            held = self.current(self._now_s())
            return held or await self._next(deadline_s, Want(self.key, self._serial))
        # Of a keeper before this one: the keeper of now knows nothing of that token, and requests its own.
        told = Rejected(self.key, self._serial) if self._serial else Want(self.key)
        if not self._is_suspect:
            self._is_suspect = True
            self._say(told)
        return await self._next(deadline_s, told)

    def _is_same_session(self, rejected: Token) -> bool:
        """Whether upstreams have renewed `rejected` since: then what is held is as dead as that."""
        return self._token is not None and 0 < self._session <= rejected.serial

    def body_margin_s(self) -> float:
        """Return how long a token should still live before a body that cannot be replayed."""
        return self._body_margin_s

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> None:
        """Tell the keeper what an upstream renewed, if `token` is the one that is used."""
        if token is self._token and not self._is_suspect and self._serial and not self._is_closed:
            self._ask(Renewed(self.key, self._serial, tuple(set_cookies)))

    # ── what the keeper tells ─────────────────────────────────────────────────────────────────────

    def take(self, told: TokenIs, prover: Prover | None = None) -> None:
        """Take over a token, unless a newer one is here."""
        if told.serial < self._serial or self._is_closed:
            return
        if told.serial > self._serial:
            self._use(told, prover)
        token = self._token
        assert token is not None
        self._land(token)

    def fail(self, told: NoTokenIs) -> None:
        """Note that there is no token, or no newer one, for now."""
        self._denied = _Denied(told, self._now_s())
        self._land(told)

    def belong(self, key: int) -> None:
        """Mirror another keeper's source from now on; the token lives on, and so does what is wanted."""
        is_wanted = bool(self._asked)
        self.key, self._serial, self._session, self._denied = key, 0, 0, None
        self._asked.clear()
        if is_wanted:
            self._say(Want(key))

    def say_again(self) -> None:
        """Tell a keeper that has just been reached what is wanted."""
        for record in self._asked:
            self._ask(record)

    def tell_use(self) -> None:
        """Tell that the token is being used, once for each."""
        if self._was_used and not self._has_told_use and self._serial:
            self._has_told_use = True
            self._ask(Used(self.key, self._serial))

    def close(self) -> None:
        """Give whoever waits an error, and take nothing any more."""
        self._is_closed = True
        self._land(NoTokenIs(self.key, TokenUnavailable.code, _CLOSING, 0.0))

    # ── inside ────────────────────────────────────────────────────────────────────────────────────

    def _use(self, told: TokenIs, prover: Prover | None) -> None:
        self._token = Token(
            field_value=told.field_value.encode("ascii"),
            sent_at_s=told.sent_at_s,
            expires_at_s=told.expires_at_s,
            serial=told.serial,
            fingerprint=told.fingerprint,
            scope=told.scope,
            prover=prover,
            parts=told.parts,
        )
        self._serial, self._session = told.serial, told.session
        self._expires_at_s, self._dead_at_wall_s = told.expires_at_s, told.dead_at_wall_s
        self._body_margin_s = told.body_margin_s
        self._was_used = self._has_told_use = self._is_suspect = False
        self._denied = None

    def _land(self, landing: Landing) -> None:
        self._asked.clear()
        waiting, self._next_landing = self._next_landing, None
        if waiting is not None and not waiting.done():
            waiting.set_result(landing)

    def _say(self, record: Record) -> None:
        if record not in self._asked:
            self._asked.append(record)
            self._asked_at_s = self._now_s()
            self._ask(record)

    def _may_fly(self, held: Token, now_s: float) -> bool:
        """Whether a newer token could be requested at once, as far as is known here."""
        is_denied = self._denied is not None and now_s < self._denied.told.retry_at_s
        return now_s >= may_send_at_s(held.sent_at_s) and not is_denied and not self._is_closed

    async def _next(self, deadline_s: float, wanted: Record) -> Token:
        """Wait for a token that lives and is not the one that is suspect."""
        self._turn_away(wanted)
        suspect = self._token if self._is_suspect else None
        while True:
            self._say(wanted)
            landing = await self._landing(deadline_s)
            if isinstance(landing, NoTokenIs):
                raise self._error(landing, has_waited=True)
            held = self.current(self._now_s())
            if held is not None and held is not suspect:
                return held
            await asyncio.sleep(_PAUSE_S)  # a token that died on its way, or a clock that was set

    async def _longer_lived(self, held: Token, deadline_s: float) -> Token:
        self._say(Want(self.key, self._serial))
        try:
            landing = await self._landing(deadline_s)
        except TokenTimeout:
            landing = held
        now_s = self._now_s()
        if (newest := self.current(now_s)) is not None:
            return newest
        if isinstance(landing, NoTokenIs):
            raise self._error(landing, has_waited=True)
        return await self._next(deadline_s, Want(self.key, self._serial))

    async def _landing(self, deadline_s: float) -> Landing:
        if self._next_landing is None:
            self._next_landing = asyncio.get_running_loop().create_future()
        waiting = self._next_landing
        # asyncio.wait, unlike wait_for, leaves it alone when this waiter leaves.
        await asyncio.wait({waiting}, timeout=max(0.0, deadline_s - self._now_s()))
        if not waiting.done():
            raise TokenTimeout(f"client {self._client}: no token within the time of this request")
        return waiting.result()

    def _turn_away(self, wanted: Record) -> None:
        """Let nobody wait during a back-off."""
        now_s = self._now_s()
        if self._is_closed:
            raise TokenUnavailable(f"client {self._client}: {_CLOSING}", retry_after_s=1)
        if self._denied is None or now_s >= self._denied.told.retry_at_s:
            return
        if now_s >= max(self._asked_at_s, self._denied.told_at_s) + ASK_AGAIN_S:
            self._asked.clear()
            self._say(wanted)
        raise self._error(self._denied.told, has_waited=False)

    def _error(self, told: NoTokenIs, *, has_waited: bool) -> AuthorizationServerError:
        kind = _ERRORS.get(told.code, TokenUnavailable)
        if kind is TokenTimeout and not has_waited:
            kind = TokenUnavailable
        return kind(
            told.detail,
            retry_after_s=max(1, ceil(told.retry_at_s - self._now_s())),
            cause=Cause(told.cause) if told.cause else None,
            key=told.cause_key,
        )
