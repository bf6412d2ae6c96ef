"""A token as it is held."""

from gateway.core.oauth.bearer import Held, fingerprint
from gateway.core.oauth.lifetime import plan_life
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret


def test_the_scheme_is_written_as_bearer_and_the_token_as_it_came():
    held = Held.of(Granted(Secret("abc.~+/="), None, ("a",)), plan_life(10.0, 60.0, 0.0), 7, b"key")
    token = held.token
    assert token.field_value == b"Bearer abc.~+/="
    assert (token.sent_at_s, token.expires_at_s, token.serial, token.scope) == (10.0, 70.0, 7, ("a",))
    assert token.parts == (("token", "abc.~+/="),)
    assert "abc" not in repr(held)


def test_what_came_with_a_token_stays_with_it_and_is_never_shown():
    granted = Granted(Secret("abc"), None, (), parts=(("csrf", Secret("def")),))
    held = Held.of(granted, plan_life(10.0, 60.0, 0.0), 1, b"key")
    assert held.token.parts == (("token", "abc"), ("csrf", "def"))
    assert "def" not in f"{granted!r}{held!r}"


def test_a_fingerprint_tells_tokens_apart_and_dies_with_its_key():
    one = fingerprint(b"key", Secret("access_token_1"))
    assert len(one) == 8
    assert int(one, 16) >= 0
    assert one == fingerprint(b"key", Secret("access_token_1"))
    assert one != fingerprint(b"key", Secret("access_token_2"))
    assert one != fingerprint(b"other", Secret("access_token_1"))
