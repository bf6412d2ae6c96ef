"""What is odd about the answer to a token request of a shape that the owner wrote, with hints.

Such a server owes nothing to RFC 6749. What counts is whether the answer is as `gateway.yaml` says it is.
What was not found at all is told beside the attempt (`TokenAttempt.missing`).
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.oauth.diagnosis.deviations import Deviation, in_scope
from gateway.core.oauth.lifetime import LONGEST_LIFE_S
from gateway.core.oauth.picks import Picked, pick_text
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.shaped_answer import scope_of
from gateway.core.oauth.stated_life import read_life_s
from gateway.core.settings.client_settings import Grant
from gateway.core.settings.login_settings import StatedLife
from gateway.core.settings.shape_settings import AnswerShape
from gateway.core.settings.whereabouts import LifeUnit
from gateway.core.text.http_time import read_http_date

_OTHER_UNIT = "compare it with the service's documentation, and write another unit: ms, s, m, h or instant"
_OTHER_INSTANT = (
    "an instant is seconds or milliseconds since 1970, or a time with its offset from UTC; "
    "for a duration write the unit ms, s, m or h"
)


def find_shaped_deviations(answer: ServerAnswer, grant: Grant, shape: AnswerShape) -> tuple[Deviation, ...]:
    """Return what in the answer is not as the shape says."""
    if not 200 <= answer.status < 400:
        return ()
    return tuple(_deviations(answer, grant, shape))


def _deviations(answer: ServerAnswer, grant: Grant, shape: AnswerShape) -> Iterator[Deviation]:
    if isinstance(shape.lifetime, StatedLife):
        yield from _in_lifetime(answer, shape.lifetime)
    if shape.scope is not None:
        yield from in_scope(" ".join(scope_of(grant, shape, answer)), grant.scope)


def _in_lifetime(answer: ServerAnswer, lifetime: StatedLife) -> Iterator[Deviation]:
    found = pick_text(lifetime.pick, answer)
    if not isinstance(found, Picked):
        return
    is_instant = lifetime.unit is LifeUnit.INSTANT
    # Without a Date of the server the time is unknown here; then only a duration can be judged.
    now_s = read_http_date(answer.header("date"))
    if is_instant and now_s is None:
        now_s = 0.0
    left_s = read_life_s(found.text, lifetime.unit, now_s or 0.0)
    hint = _OTHER_INSTANT if is_instant else _OTHER_UNIT
    if left_s is None:
        yield Deviation(
            f"{lifetime.pick} is no lifetime in the unit {lifetime.unit.value}; it is ignored", hint
        )
    elif (not is_instant or now_s) and not 0 < left_s <= LONGEST_LIFE_S:
        yield Deviation(f"{lifetime.pick} gives a lifetime that is not plausible", hint)
