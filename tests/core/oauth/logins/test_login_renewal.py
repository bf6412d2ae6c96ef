import pytest

from gateway.core.oauth.logins.login_renewal import renewal
from gateway.core.settings.login_settings import LoginSettings, LoginStep, StepRequest
from gateway.core.settings.whereabouts import FromCookie, FromField
from gateway.core.token import Token

WALL_S = 1_700_000_000.0
STEP = LoginStep(
    StepRequest("POST", "https://erp.example.com/login"),
    takes=(("token", FromCookie("S")), ("node", FromCookie("N")), ("csrf", FromField("X"))),
)
LOGIN = LoginSettings((STEP,), is_rolling=True)
TOKEN = Token(b"Bearer s1", 100.0, 400.0, 1, "", parts=(("token", "s1"), ("node", "n1"), ("csrf", "c1")))


def renewed(*cookies: str, now_s: float = 110.0):
    granted = renewal(LOGIN, TOKEN, cookies, now_s, WALL_S)
    if granted is None:
        return None
    parts = {"token": granted.access_token, **dict(granted.parts)}
    return {name: part.reveal() for name, part in parts.items()}, granted.lifetime_s


def test_a_cookie_of_the_credential_is_taken_and_the_rest_stays():
    assert renewed("S=s2; Path=/", "theme=dark") == ({"token": "s2", "node": "n1", "csrf": "c1"}, 300.0)
    assert renewed("N=n2") == ({"token": "s1", "node": "n2", "csrf": "c1"}, 300.0)


@pytest.mark.parametrize("cookie", ["s=s2", "theme=dark", "S=", "S=s2; Max-Age=0", "S=a\tb", "S", ""])
def test_nothing_else_renews(cookie):
    assert renewed(cookie) is None


def test_the_same_value_renews_only_what_has_aged():
    assert renewed("S=s1", now_s=159.0) is None
    assert renewed("S=s1", now_s=160.0) == ({"token": "s1", "node": "n1", "csrf": "c1"}, 300.0)


@pytest.mark.parametrize(
    ("cookie", "lifetime_s"),
    [
        ("S=s2; Max-Age=60", 60.0),
        ("S=s2; Max-Age=6000", 300.0),
        ("S=s2; Expires=Tue, 14 Nov 2023 22:14:00 GMT", 40.0),
        ("S=a.eyJleHAiOjE3MDAwMDAwNDB9.b", 40.0),
    ],
)
def test_a_renewed_session_lives_as_long_as_after_the_login_or_shorter(cookie, lifetime_s):
    assert renewed(cookie)[1] == lifetime_s
