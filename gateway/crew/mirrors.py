"""All mirrors of a worker: one for each grant that its routes need.

Rules: a mirror is kept from one generation to the next where the keeper kept its source, and where a new
keeper has a source for the same grant. What the keeper tells of a source that no generation has is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from gateway.core.clock import Clock
from gateway.core.crew.records import KeyIs, NoTokenIs, Record, TokenIs
from gateway.core.oauth.source_state import SourceState
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName, Grant
from gateway.core.token import Prover
from gateway.crew.mirror import Mirror

KEYS_OF_A_KEEPER: Final = 1 << 32
"""Each keeper numbers its sources from a multiple of this."""

MakeProver = Callable[[KeyIs, str], Prover]
"""Makes what proves possession of a key for the token with a hash."""


class Mirrors:
    """Owns the mirrors of a process.

    Args:
        ask: sends a record to the keeper, if there is one.
        make_prover: as above.

    Attributes:
        keys: of the keeper's sources, by grant; as the generation to be made next needs them.
    """

    def __init__(self, clock: Clock, ask: Callable[[Record], None], make_prover: MakeProver) -> None:
        self._clock = clock
        self._ask = ask
        self._make_prover = make_prover
        self._by_key: dict[int, Mirror] = {}
        self._dpop_keys: dict[int, KeyIs] = {}
        self.keys: Mapping[Grant, int] = {}

    def of(self, settings: Settings, before: MirrorSources | None) -> MirrorSources:
        """Return the mirrors of a generation."""
        kept = before.by_grant if before is not None else {}
        return MirrorSources(self, {grant: self._mirror(grant, kept.get(grant)) for grant in settings.grants})

    def _mirror(self, grant: Grant, kept: Mirror | None) -> Mirror:
        key = self.keys[grant]
        if kept is None or not (kept.key == key or _is_anothers(kept.key, key)):
            kept = Mirror(key, grant.client, self._clock, self._ask)
        elif kept.key != key:
            self._by_key.pop(kept.key, None)
            kept.belong(key)
        self._by_key[key] = kept
        return kept

    def took(self, record: KeyIs | TokenIs | NoTokenIs) -> None:
        """Take what the keeper told."""
        if isinstance(record, KeyIs):
            self._dpop_keys[record.number] = record
        elif (mirror := self._by_key.get(record.key)) is None:
            pass
        elif isinstance(record, NoTokenIs):
            mirror.fail(record)
        else:
            key = self._dpop_keys.get(record.dpop_key)
            mirror.take(record, self._make_prover(key, record.ath) if key is not None else None)

    def say_again(self) -> None:
        """Tell a keeper that has just been reached what is wanted."""
        for mirror in self._by_key.values():
            mirror.say_again()

    def tell_use(self) -> None:
        """Tell the keeper which tokens are being used."""
        for mirror in self._by_key.values():
            mirror.tell_use()

    def end(self, mirror: Mirror) -> None:
        """Close a mirror that no generation has any more."""
        self._by_key.pop(mirror.key, None)
        mirror.close()


class MirrorSources:
    """The mirrors of one generation, as its routes ask for them; the keeper shows their states."""

    def __init__(self, owner: Mirrors, by_grant: dict[Grant, Mirror]) -> None:
        self._owner = owner
        self.by_grant = by_grant

    def __getitem__(self, grant: Grant) -> Mirror:
        return self.by_grant[grant]

    def get(self, grant: Grant) -> Mirror | None:
        """Return the mirror for a grant, or None if no route needs it."""
        return self.by_grant.get(grant)

    def start(self) -> None:
        """Do nothing: the keeper requests tokens."""

    async def close(self, others: Sequence[MirrorSources] = ()) -> None:
        """Close the mirrors that none of `others` has."""
        kept = {id(mirror) for other in others for mirror in other.by_grant.values()}
        for mirror in self.by_grant.values():
            if id(mirror) not in kept:
                self._owner.end(mirror)

    def is_ready(self) -> bool:
        """Whether the worker may be used, as far as tokens go: the keeper knows."""
        return True

    def states(self) -> Iterator[SourceState]:
        """Yield nothing."""
        return iter(())

    def missing(self) -> Iterator[SourceState]:
        """Yield nothing."""
        return iter(())

    def by_client(self) -> dict[ClientName, list[SourceState]]:
        """Return nothing."""
        return {}


def _is_anothers(ours: int, theirs: int) -> bool:
    return ours // KEYS_OF_A_KEEPER != theirs // KEYS_OF_A_KEEPER
