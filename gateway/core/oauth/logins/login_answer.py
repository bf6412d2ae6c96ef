"""Read the answer to a login step: has it succeeded, what does it give, how long does that live.

Rules:

- Whether it has succeeded is decided first (`login_success`).
- All that a step takes must be there, and printable ASCII: it goes into header fields.
- A cookie that is taken ends with its ``Max-Age`` or ``Expires``, a JWT with its ``exp``; the earliest end
  that is stated counts, a configured lifetime included. Times are counted on the server's clock.
- No reason contains foreign text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.core.oauth.jwt_claims import claimed_left_s
from gateway.core.oauth.lifetime import earlier_of
from gateway.core.oauth.logins.login_jar import LoginJar
from gateway.core.oauth.logins.login_success import objection_to, unmet
from gateway.core.oauth.picks import NotMet, NotPicked, Picked, pick_text
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.set_cookie import SetCookie, cookies_set, read_set_cookie
from gateway.core.oauth.stated_life import read_life_s
from gateway.core.oauth.token_answer import MAX_TOKEN_CHARS
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.login_settings import LoginSettings, StatedLife
from gateway.core.settings.whereabouts import FromCookie, Pick
from gateway.core.text.http_time import read_http_date
from gateway.core.text.server_url import origin_of

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Taking:
    """What a step gave under one name.

    Attributes:
        left_s: how long it lives, as far as it says so itself.
    """

    name: str
    value: Secret
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class LoginProgress:
    """How far a login has come.

    Attributes:
        takings: what its steps gave.
        stated_s: the lifetime that an answer stated, or None.
        jar: the cookies that its steps set.
    """

    takings: tuple[Taking, ...] = ()
    stated_s: float | None = None
    jar: LoginJar = field(default_factory=LoginJar, repr=False)

    @property
    def taken(self) -> dict[str, Secret]:
        """What later steps may use, by name."""
        return {taking.name: taking.value for taking in self.takings}

    def after(self, takings: Iterable[Taking], stated_s: float | None, jar: LoginJar) -> LoginProgress:
        """Return the progress after one more step, whose takings replace others of their names."""
        known = {taking.name: taking for taking in (*self.takings, *takings)}
        return LoginProgress(tuple(known.values()), stated_s, jar)

    def granted(self, settings: LoginSettings) -> Granted:
        """Return the credential of a login whose last step has succeeded."""
        fixed_s = settings.lifetime if isinstance(settings.lifetime, float) else None
        lives = (taking.left_s for taking in self.takings)
        parts = tuple((each.name, each.value) for each in self.takings if each.name != MAIN_PART)
        return Granted(self.taken[MAIN_PART], earlier_of(self.stated_s, fixed_s, *lives), (), parts=parts)


@dataclass(frozen=True, slots=True)
class StepReading:
    """What the answer to a step means.

    Attributes:
        failed: why the step has failed, or None.
        missing: what it did not give, or what was not as expected, with what was there instead; only for the
            doctor, since it names what another server named.
    """

    progress: LoginProgress
    failed: Failed | None = None
    missing: NotPicked | NotMet | None = None


def read_step(
    settings: LoginSettings, number: int, before: LoginProgress, answer: ServerAnswer, wall_now_s: float
) -> StepReading:
    """Read the answer to the step of this number, from 0."""
    step, where = settings.steps[number], f"step {number + 1} of the login"
    kind, objection = objection_to(step.success, answer)
    if kind is not None:
        reason = f"{where}: the server {objection}"
        retry_after_s = answer.retry_after_s(wall_now_s)
        failed = Failed(kind, reason, "", retry_after_s, answer.status)
        return StepReading(before, failed, next(iter(unmet(step.success, answer)), None))
    server_now_s = read_http_date(answer.header("date")) or wall_now_s
    takings: list[Taking] = []
    for name, pick in step.takes:
        found = pick_text(pick, answer)
        if isinstance(found, NotPicked):
            return StepReading(before, _invalid(answer, f"{where}: {pick} was not found"), found)
        if len(found.text) > MAX_TOKEN_CHARS or not _PRINTABLE.fullmatch(found.text):
            return StepReading(before, _invalid(answer, f"{where}: {pick} cannot be sent in a header field"))
        takings.append(Taking(name, Secret(found.text), _left_s(name, pick, found, answer, server_now_s)))
    jar = before.jar.after(origin_of(step.request.url), _all_set(answer, server_now_s))
    stated_s = _stated_s(settings.lifetime, answer, server_now_s)
    return StepReading(before.after(takings, before.stated_s if stated_s is None else stated_s, jar))


def _invalid(answer: ServerAnswer, reason: str) -> Failed:
    return Failed(FailureKind.INVALID, reason, status=answer.status)


def _all_set(answer: ServerAnswer, server_now_s: float) -> Iterator[SetCookie]:
    for text in answer.set_cookies:
        cookie = read_set_cookie(text, server_now_s)
        if cookie is not None:
            yield cookie


def _stated_s(lifetime: StatedLife | float | None, answer: ServerAnswer, server_now_s: float) -> float | None:
    if not isinstance(lifetime, StatedLife):
        return None
    found = pick_text(lifetime.pick, answer)
    return read_life_s(found.text, lifetime.unit, server_now_s) if isinstance(found, Picked) else None


def _left_s(name: str, pick: Pick, found: Picked, answer: ServerAnswer, server_now_s: float) -> float | None:
    if isinstance(pick, FromCookie):
        cookie = cookies_set(answer.set_cookies, server_now_s).get(pick.name)
        return None if cookie is None else cookie.lifetime_s
    return claimed_left_s(found.text, server_now_s) if name == MAIN_PART else None
