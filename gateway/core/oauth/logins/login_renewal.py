"""Sessions that upstreams renew: the cookies of a credential, taken from the response that sets them anew.

Rules:

- Only the cookies that the credential consists of are taken, by their very names; all others are the
  caller's.
- A response that removes a cookie renews nothing: whether the session is over, the next request shows.
- A renewed session lives as long as it did after the login, or as long as its cookie says, if that is
  shorter. The same value again is a renewal only after `WORTH_SHARE` of that life: many servers set their
  cookie with every response.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.core.oauth.jwt_claims import claimed_left_s
from gateway.core.oauth.lifetime import earlier_of
from gateway.core.oauth.logins.login_jar import can_be_sent
from gateway.core.oauth.set_cookie import SetCookie, cookies_set
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.login_settings import LoginSettings
from gateway.core.token import Token

WORTH_SHARE: Final = 0.2


def renewal(
    login: LoginSettings, token: Token, set_cookies: Iterable[str], now_s: float, wall_now_s: float
) -> Granted | None:
    """Return the credential as a response has renewed it, or None.

    `set_cookies` are the values of its ``Set-Cookie`` fields; `now_s` is monotonic, as the dates of `token`
    are, and `wall_now_s` in seconds since 1970.
    """
    cookies = cookies_set(set_cookies, wall_now_s)
    found = {part: cookies[name] for part, name in login.cookies if _may_be_taken(cookies.get(name))}
    before = dict(token.parts)
    life_s = token.expires_at_s - token.sent_at_s
    is_same = all(before.get(part) == cookie.value for part, cookie in found.items())
    if not found or (is_same and now_s - token.sent_at_s < WORTH_SHARE * life_s):
        return None
    parts = before | {part: cookie.value for part, cookie in found.items()}
    stated_s = (cookie.lifetime_s for cookie in found.values())
    lifetime_s = earlier_of(life_s, claimed_left_s(parts[MAIN_PART], wall_now_s), *stated_s)
    others = tuple((name, Secret(value)) for name, value in parts.items() if name != MAIN_PART)
    return Granted(Secret(parts[MAIN_PART]), lifetime_s, token.scope, parts=others)


def _may_be_taken(cookie: SetCookie | None) -> bool:
    return cookie is not None and can_be_sent(cookie.name, cookie.value)
