"""Which responses say that the credential died."""

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.refusal_signs import MOST_UNPACKED_BYTES, body_shows, head_shows, leads_to
from gateway.core.settings.refusal_sign import RefusalSign
from gateway.core.text.json_condition import ANYTHING, JsonCondition
from gateway.core.text.json_pointer import read_pointer

URL = "https://api.test/crm/users"
HTML = [b"content-type: Text/HTML; charset=utf-8"]
JSON = [b"Content-Type: application/json"]


def when(pointer, *values):
    return JsonCondition(read_pointer(pointer), values or ANYTHING)


@pytest.mark.parametrize(
    ("place", "location", "leads"),
    [
        ("/login", "/login", True),
        ("/login", "/login?next=/crm", True),
        ("/login", "/login/form#x", True),
        ("/login", "/loginx", False),
        ("/login*", "/login.jsp;jsessionid=1", True),
        ("/login", "https://sso.test/login", True),
        ("/login", "../login", True),
        ("/login", "login", False),
        ("/crm/login", "login", True),
        ("/login", "/a/../login", True),
        ("/login", "//sso.test/login", True),
        ("/login", "/users?to=/login", False),
        ("/", "/anywhere", True),
        ("/login/", "/login/x", True),
        ("https://sso.test/login", "https://SSO.test/login?a", True),
        ("https://sso.test/login", "/login", False),
        ("https://sso.test/login", "http://sso.test/login", False),
        ("https://api.test/login", "/login", True),
        ("https://sso.test", "https://sso.test/any", True),
        ("/login", "http://[", False),
        ("/login", "", False),
    ],
)
def test_where_a_redirect_leads(place, location, leads):
    assert leads_to(place, URL, location) is leads


@pytest.mark.parametrize(
    ("sign", "status", "lines", "shows"),
    [
        (RefusalSign(302, "/login"), 302, [b"Location: /login?a"], True),
        (RefusalSign(302, "/login"), 303, [b"Location: /login"], False),
        (RefusalSign(302, "/login"), 302, [], False),
        (RefusalSign(302, "/login"), 302, [b"X-Location: /login"], False),
        (RefusalSign(200, content_type="text/html"), 200, HTML, True),
        (RefusalSign(200, content_type="Text/HTML"), 200, HTML, True),
        (RefusalSign(200, content_type="text/html"), 200, JSON, False),
        (RefusalSign(200, content_type="text/html"), 200, [], False),
        (RefusalSign(403, fields=(("X-CSRF-Token", "Required"),)), 403, [b"x-csrf-token:  required"], True),
        (RefusalSign(403, fields=(("X-CSRF-Token", "Required"),)), 403, [b"X-CSRF-Token: abc"], False),
        (RefusalSign(403, fields=(("X-A", "1"),)), 403, [b"X-A: 2", b"X-A: 1"], True),
        (RefusalSign(403, fields=(("X-A", "*"),)), 403, [b"X-A: "], True),
        (RefusalSign(403, fields=(("X-A", "*"), ("X-B", "*"))), 403, [b"X-A: 1"], False),
        (RefusalSign(302, "/login", fields=(("X-A", "1"),)), 302, [b"Location: /login", b"X-A: 2"], False),
        (RefusalSign(200, json=(when("/a"),)), 200, JSON, True),
        (RefusalSign(200, json=(when("/a"),)), 200, [b"Content-Type: application/problem+json"], True),
        (RefusalSign(200, json=(when("/a"),)), 200, [b"Content-Type: text/event-stream"], False),
        (RefusalSign(200, json=(when("/a"),)), 200, [b"Content-Type: application/x-ndjson"], False),
        (RefusalSign(200, json=(when("/a"),)), 200, [], False),
        (RefusalSign(200, content_type="text/html", json=(when("/a"),)), 200, HTML, True),
    ],
)
def test_what_a_head_shows(sign, status, lines, shows):
    assert head_shows(sign, status, lines, URL) is shows


DEAD = json.dumps({"errcode": 42001, "errmsg": "expired"}).encode()
EXPIRED = RefusalSign(200, json=(when("/errcode", 40001, 42001),))
GZIP, DEFLATE, BROTLI = ([b"Content-Encoding: " + name] for name in (b"gzip", b"deflate", b"br"))


@pytest.mark.parametrize(
    ("body", "lines", "shows"),
    [
        (DEAD, [], True),
        (b'{"errcode": "42001"}', [], True),
        (b'{"errcode": 0}', [], False),
        (b"{}", [], False),
        (b"[]", [], False),
        (b"", [], False),
        (b"<html>", [], False),
        (DEAD[:-1], [], False),
        (b'{"errcode": 42001, "errcode": 0}', [], False),
        (b"[" * 4000, [], False),
        (gzip.compress(DEAD, mtime=0), GZIP, True),
        (zlib.compress(DEAD), DEFLATE, True),
        (gzip.compress(DEAD, mtime=0)[:-9], GZIP, False),
        (gzip.compress(DEAD + b" " * MOST_UNPACKED_BYTES, mtime=0), GZIP, False),
        (DEAD, BROTLI, False),
        (DEAD, GZIP, False),
    ],
)
def test_what_a_body_shows(body, lines, shows):
    assert body_shows(EXPIRED, [*JSON, *lines], body) is shows


def test_all_conditions_of_a_sign_must_hold():
    sign = RefusalSign(200, json=(when("/errcode", 42001), when("/data", None)))
    assert body_shows(sign, JSON, DEAD)
    assert not body_shows(sign, JSON, b'{"errcode": 42001, "data": 1}')


@given(st.binary(max_size=200), st.lists(st.binary(max_size=60), max_size=5))
def test_whatever_arrives_shows_something_or_nothing(body, lines):
    lines = [b"Location: " + each.translate(None, b"\r\n") for each in lines]
    head_shows(RefusalSign(302, "/login"), 302, lines, URL)
    body_shows(EXPIRED, JSON, body)
