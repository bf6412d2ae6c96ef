"""What must fit together in the ways to know a caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.callers.callers_model import WayModel
from gateway.config.problems import Loc, Mistake, any_of

_KINDS: Final = tuple(WayModel.model_fields)


def callers_findings(callers: Mapping[str, WayModel | None], wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield each way that says nothing, or two things."""
    for name, way in callers.items():
        loc: Loc = ("callers", name)
        if way is None or any(loc == place[: len(loc)] for place in wrong):
            continue
        kinds = [kind for kind in _KINDS if kind in way.model_fields_set]
        if not kinds:
            yield Mistake(loc, f"says nothing of how callers are known: expected {any_of(_KINDS)}")
        for kind in kinds[1:]:
            words = f"this name has its way already, {kinds[0]}: write the other one under a name of its own"
            yield Mistake((*loc, kind), words, is_about_key=True)
