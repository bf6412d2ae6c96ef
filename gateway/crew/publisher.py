"""The keeper's side of tokens: what its sources hold is told to all workers, and what these want is done.

Rules:

- Each landing of a token request is told to every worker, whoever wanted it.
- What a worker wants, or an upstream refused, is looked up first: where the source holds a newer token, that
  is the whole reply. So one token request serves all workers, and so does one recovery.
- What is asked of a source by records is what a caller would ask of it; its rules hold for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from itertools import count
from math import inf
from typing import Final

from gateway.core.clock import Clock
from gateway.core.crew.records import KeyIs, NoTokenIs, Record, Rejected, Renewed, TokenIs, Used, Want
from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.bearer import Held
from gateway.core.oauth.token_outcome import Failed
from gateway.core.token import Prover, Token
from gateway.oauth.source import GrantSource

Tell = Callable[[Record], None]
"""Sends a record to a worker, or to all of them."""

_LONGEST_WAIT_S: Final = 3600.0  # flights end long before


class Publisher:
    """Tells workers of tokens, and does what they want.

    Args:
        first_key: the keys of sources count from here; no other keeper of this gateway uses them.
        tell_all: sends a record to all workers.
    """

    def __init__(self, clock: Clock, first_key: int, tell_all: Tell) -> None:
        self._now_s = clock.now_s
        self._tell_all = tell_all
        self._numbers = count(first_key)
        self._keys: dict[GrantSource, int] = {}
        self._sources: dict[int, GrantSource] = {}
        self._dpop: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def key_of(self, source: GrantSource) -> int:
        """Return the key of a source; from now on it is told of."""
        if source not in self._keys:
            key = self._keys[source] = next(self._numbers)
            self._sources[key] = source
            source.on_landing = partial(self._landed, source)
        return self._keys[source]

    def keep(self, sources: Iterable[GrantSource]) -> None:
        """Forget all sources but these."""
        for gone in self._keys.keys() - set(sources):
            gone.on_landing = None
            del self._sources[self._keys.pop(gone)]

    def tell_everything(self, tell: Tell) -> None:
        """Tell a worker that has just come of all living tokens."""
        for source in self._keys:
            if (held := source.held()) is not None:
                self._tell_token(source, held, tell)

    def heard(self, record: Want | Rejected | Used | Renewed, tell: Tell) -> None:
        """Do what a worker wants; `tell` sends it records."""
        source = self._sources.get(record.key)
        if source is None:
            return  # of a configuration that is gone
        held = source.held()
        match record:
            case Used() if held is not None and held.token.serial == record.serial:
                source.current(self._now_s())
            case Renewed(serial=serial) if held is not None and held.token.serial == serial:
                source.renewed(held.token, record.set_cookies)
            case Used() | Renewed():
                pass
            case Want(newer_than=known) | Rejected(serial=known):
                self._serve(source, held, known, tell, is_rejected=isinstance(record, Rejected))

    async def close(self) -> None:
        """End what waits for tokens."""
        self.keep(())
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _serve(
        self, source: GrantSource, held: Held | None, known: int, tell: Tell, *, is_rejected: bool
    ) -> None:
        deadline_s = self._now_s() + _LONGEST_WAIT_S
        if held is not None and is_rejected and source.is_of_held(known):
            self._ask(source, source.replacement(held.token, deadline_s), tell)
        elif held is not None and held.token.serial > known:
            self._tell_token(source, held, tell)
        else:  # what lives is not enough for somebody
            self._ask(source, source.token(deadline_s, min_left_s=inf if held is not None else 0.0), tell)

    def _ask(self, source: GrantSource, asked: Coroutine[None, None, Token], tell: Tell) -> None:
        task = asyncio.get_running_loop().create_task(self._answered(source, asked, tell))  # ended by `close`
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, source: GrantSource, asked: Coroutine[None, None, Token], tell: Tell) -> None:
        try:
            await asked
        except AuthorizationServerError as error:
            self._tell_error(source, error, float(error.retry_after_s or 0), tell)
            return
        if (held := source.held()) is not None and source in self._keys:
            self._tell_token(source, held, tell)

    def _landed(self, source: GrantSource, landing: Token | Failed) -> None:
        if isinstance(landing, Failed):
            self._tell_error(source, *source.error(landing), self._tell_all)
        elif (held := source.held()) is not None:
            self._tell_token(source, held, self._tell_all)

    def _tell_error(
        self, source: GrantSource, error: AuthorizationServerError, left_s: float, tell: Tell
    ) -> None:
        if (key := self._keys.get(source)) is not None:
            cause = error.cause.value if error.cause else ""
            retry_at_s = self._now_s() + left_s
            tell(NoTokenIs(key, error.code, error.detail, retry_at_s, cause, error.key))

    def _tell_token(self, source: GrantSource, held: Held, tell: Tell) -> None:
        for record in self._records(self._keys[source], held, source.session_serial):
            tell(record)

    def _records(self, key: int, held: Held, session: int) -> Iterator[Record]:
        token, life, dpop_key, ath = held.token, held.life, 0, ""
        if token.prover is not None:
            known, ath = self._key_of_prover(token.prover)
            dpop_key = known.number
            yield known
        yield TokenIs(
            key=key,
            serial=token.serial,
            field_value=token.field_value.decode("ascii"),
            parts=token.parts,
            sent_at_s=token.sent_at_s,
            expires_at_s=token.expires_at_s,
            dead_at_wall_s=life.dead_at_wall_s,
            body_margin_s=life.body_margin_s,
            fingerprint=token.fingerprint,
            scope=token.scope,
            dpop_key=dpop_key,
            ath=ath,
            session=session,
        )

    def _key_of_prover(self, prover: Prover) -> tuple[KeyIs, str]:
        # Loaded already where there is such a prover; it brings cryptography, which others do not need.
        from gateway.oauth.dpop_key import BoundKey  # noqa: PLC0415

        assert isinstance(prover, BoundKey)
        key = prover.key
        number = self._dpop.setdefault(id(key), next(self._numbers))
        return KeyIs(number, key.algorithm.value, key.private_pem().reveal()), prover.ath
