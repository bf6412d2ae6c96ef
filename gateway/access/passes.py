"""What one gate made of callers, remembered as long as they are: a rule is not applied to each request.

Rules:

- What came of a caller is kept with the finding that told of it, and forgotten with that. It counts alone
  only where the rule depends on nothing else: no other credential, no place, no hour.
- Most callers repeat their fields in each request of a connection. What came of them is noted with the
  fields, and for `NOTED_S` they pass without another look at the credential: less than a file may change
  unnoticed. A note is worth nothing once the finding is taken back, or the time of its caller is over.
- Of a credential that each request must prove anew, nothing is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.core.access.finding import Finding, Known
from gateway.core.admission import Admission

NOTED_S: Final = 0.5
SEEN: Final = object()
"""Stands where a note would stand if the same fields had come twice."""
_MOST_PASSES: Final = 64
"""Of one finding: a caller that uses more routes than that is judged anew."""


class Note:
    """What a gate knows about a request that passed, and about those with the same fields."""

    __slots__ = ("gate", "known", "passed", "until_s")

    def __init__(self, gate: object, known: Known, passed: Admission, until_s: float) -> None:
        self.gate = gate
        self.known = known
        self.passed = passed
        self.until_s = until_s


class Passes:
    """What one gate made of callers.

    Args:
        wall_s: the clock of the machine.

    Attributes:
        alone: the mark under which a finding keeps what came of it, if that depends on nothing else.
    """

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self.alone, self._among = object(), object()

    def noted(self, note: object, now_s: float) -> Admission | None:
        """Let a request pass because of a note with its fields. This is on the hot path."""
        if not isinstance(note, Note) or note.gate is not self.alone or now_s >= note.until_s:
            return None
        known = note.known
        is_current = now_s < known.until_s and self._wall_s() < known.caller.expires_at_s
        return note.passed if is_current else None

    def note(self, found: Finding, passed: Admission, now_s: float) -> object:
        """Return what to note with the fields of a request that passed."""
        return Note(self.alone, found, passed, now_s + NOTED_S) if type(found) is Known else SEEN

    def of(self, known: Known, *, is_alone: bool) -> Admission | None:
        """Return what was kept of a caller that is let in; `is_alone`: because of nothing else."""
        return known.passes.get(self.alone if is_alone else self._among)

    def keep(self, known: Known, passed: Admission, *, is_alone: bool) -> None:
        """Keep what came of a caller; `is_alone`: it depends on nothing else."""
        if len(known.passes) >= _MOST_PASSES:
            known.passes.clear()
        known.passes[self.alone if is_alone else self._among] = passed
