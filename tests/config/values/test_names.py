from __future__ import annotations

import pytest

from gateway.config.problems import Wrong
from gateway.config.values import names
from gateway.core.text import plain_text

GOOD = [
    (names.text, ["a", "é ü", "p@ss+w%rd"]),
    (names.client_name, ["crm", "mobile_android", "a.b-c", "1", "a" * 64]),
    (names.scope_token, ["a", "users.read", "https://a/b", "!", "~"]),
    (names.method, ["GET", "POST", "PURGE", "M-SEARCH"]),
    (names.parameter, ["tenant", "a b", "grant-type"]),
    (names.field_name, ["X-A", "x_a", "Server", "Host", "Authorization", "!#$%&'*+.^_`|~"]),
    (names.request_field_name, ["X-A", "Cookie", "Authorization", "Forwarded"]),
    (plain_text.field_value, ["", "a", "a b", "a\tb", "é", "ÿ"]),
]
BAD = [
    (names.text, ["", "a\n", "\x00", "a\x7fb", "\t"]),
    (names.client_name, ["", "a b", "-a", ".a", "é", "a/b", "a" * 65, "a\n"]),
    (names.scope_token, ["", " ", "a b", 'a"', "a\\b", "é", "a\n"]),
    (names.method, ["", "get", "Get", "G T", "CONNECT", "TRACE", "GET\n", "É"]),
    (
        names.parameter,
        ["", "grant_type", "client_id", "client_secret", "scope", "audience", "resource", "a\n"],
    ),
    (names.parameter, ["client_assertion", "client_assertion_type"]),
    (names.field_name, ["", "X A", "X:", "é", "X\n", "connection", "TE", "Trailer", "UPGRADE", "Keep-Alive"]),
    (names.field_name, ["Content-Length", "transfer-encoding", "Proxy-Authorization", "Proxy-Connection"]),
    (names.request_field_name, ["Host", "VIA", "x-request-id", "X-Forwarded-For", "X-Forwarded-Proto", "TE"]),
    (plain_text.field_value, ["a\n", "a\rb", "a\x00", "☃", " a", "a ", "\ta", "\x7f"]),
]


@pytest.mark.parametrize(("reader", "text"), [(reader, text) for reader, texts in GOOD for text in texts])
def test_good_words_are_taken_as_they_are(reader, text):
    assert reader(text) == text


@pytest.mark.parametrize(("reader", "text"), [(reader, text) for reader, texts in BAD for text in texts])
def test_bad_words_are_not(reader, text):
    with pytest.raises(Wrong):
        reader(text)


@pytest.mark.parametrize(
    ("value", "access"),
    [
        ("off", None),
        ("stdout", "stdout"),
        ("stderr", "stderr"),
        ("/var/log/access.log", "/var/log/access.log"),
    ],
)
def test_where_access_records_may_go(value, access):
    assert names.access_log(value) == access


@pytest.mark.parametrize("value", ["", "on", "access.log", "/a\n", False, None, 1])
def test_where_they_may_not(value):
    with pytest.raises(Wrong):
        names.access_log(value)


def test_a_refusal_is_a_status_that_a_final_response_may_have():
    """Whether it says enough depends on what is written beside it."""
    assert [names.refusal_status(value) for value in (200, 302, 401, 599)] == [200, 302, 401, 599]
    for value in (199, 600, True, "401", 401.0, None):
        with pytest.raises(Wrong, match="from 300 to 599"):
            names.refusal_status(value)


def test_304_accepts():
    with pytest.raises(Wrong, match="304 says that the upstream accepted"):
        names.refusal_status(304)
