from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.logins.login_jar import LoginJar, can_be_sent, cookie_field
from gateway.core.oauth.set_cookie import SetCookie

HERE, THERE = "https://a.example", "https://b.example"


def sent(jar: LoginJar, origin: str = HERE) -> str:
    return cookie_field(jar.cookies(origin))


def test_cookies_go_back_to_the_origin_that_set_them_and_nowhere_else():
    jar = LoginJar().after(HERE, [SetCookie("a", "1", None)]).after(THERE, [SetCookie("b", "2", 60.0)])

    assert (sent(jar), sent(jar, THERE), sent(jar, "http://a.example")) == ("a=1", "b=2", "")


def test_a_later_cookie_of_the_same_name_replaces_the_earlier_one():
    jar = LoginJar().after(HERE, [SetCookie("a", "1", None), SetCookie("b", "2", None)])

    assert sent(jar.after(HERE, [SetCookie("a", "3", None)])) == "b=2; a=3"


def test_a_cookie_that_is_removed_is_gone():
    jar = LoginJar().after(HERE, [SetCookie("a", "1", None), SetCookie("b", "2", None)])

    assert sent(jar.after(HERE, [SetCookie("a", "x", 0.0), SetCookie("b", "", None)])) == ""


def test_a_value_goes_back_byte_for_byte():
    assert sent(LoginJar().after(HERE, [SetCookie("a", '"x y, z\\"', None)])) == 'a="x y, z\\"'


def test_a_jar_is_never_shown():
    assert "secret" not in repr(LoginJar().after(HERE, [SetCookie("a", "secret", None)]))


def test_a_server_cannot_fill_a_jar_without_end():
    jar = LoginJar().after(HERE, (SetCookie(f"c{number}", "1", None) for number in range(1000)))

    assert len(jar.cookies(HERE)) == 50
    assert sent(jar).endswith("c999=1")


@given(st.text(), st.text())
def test_what_is_kept_cannot_end_the_field_or_begin_another_cookie(name, value):
    text = sent(LoginJar().after(HERE, [SetCookie(name, value, None)]))

    assert text in ("", f"{name}={value}")
    assert text.isascii()
    assert text.isprintable()
    assert ";" not in text
    assert bool(text) == can_be_sent(name, value)
