"""How many logins there may be: `max_logins`, which protects servers that count sessions, or lock accounts.

Rules: at most so many logins begin within any time of the given length, failed ones included. Until the next
one may begin, the credential at hand stays in use; who needs another one is told when to come back.
"""

from __future__ import annotations

from collections import deque

from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.login_settings import LoginPace

NO_REST = Rest()


class LoginCount:
    """The latest logins of one client, through all its configurations."""

    def __init__(self) -> None:
        self._began_at_s: deque[float] = deque(maxlen=10_000)
        self._rest = NO_REST

    def began(self, pace: LoginPace | None, now_s: float) -> None:
        """Note that a login begins."""
        if pace is None:
            return
        self._began_at_s.append(now_s)
        if len(self._began_at_s) >= pace.logins:
            until_s = self._began_at_s[-pace.logins] + pace.within_s
            self._rest = Rest(1, _reached(pace), until_s)

    def rest(self, now_s: float) -> Rest:
        """Return the pause until the next login may begin; none if it may begin at once."""
        return self._rest if self._rest.until_s > now_s else NO_REST


def _reached(pace: LoginPace) -> Failed:
    logins = "once" if pace.logins == 1 else f"{pace.logins} times"
    reason = f"the client has logged in {logins} within {pace.within_s:g} s, as often as max_logins allows"
    # It asks for time, so that a replaced secret does not end the pause.
    return Failed(FailureKind.UNREACHABLE, reason, retry_after_s=0.0, key="", was_sent=False)
