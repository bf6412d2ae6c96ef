"""What `gateway explain` says is what the gateway does: the same requests, told and sent."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.core.errors import GatewayError
from gateway.core.settings.carriers import InCookie, InHeader, InQuery
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.proxies import TrustedProxies
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules
from gateway.doctor.arrival import arrival
from gateway.doctor.explain import Question, explain, request_bytes
from gateway.proxy.request_reader import read_alone
from tests.wire.rig import LOOPBACK, Rig

RULES = HeaderRules(
    set=(("X-Tenant", "acme"),), remove=("Cookie",), add=(("X-More", "1"),), allow=("X-HTTP-Method-Override",)
)
FORWARDED = (
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: a.example",
    "X-Real-IP: 1.1.1.1",
)
BODY = (b"", b"12345", b"5\r\n12345\r\n0\r\n\r\n")


def routes(rig):
    return [
        rig.route("/", name="root", preserves_host=True, has_token=False),
        rig.route(
            "/crm",
            base_path="/v2",
            strips_prefix=True,
            request_headers=RULES,
            methods=frozenset({"GET", "POST"}),
        ),
        rig.route("/keep", authorization=CallerAuthorization.KEEP),
        rig.route("/reject", authorization=CallerAuthorization.REJECT),
        rig.route("/small", max_body_bytes=3),
        rig.route("/field", send=(InHeader("X-Auth-Token"),), authorization=CallerAuthorization.KEEP),
        rig.route("/oauth", send=(InHeader("Authorization", "OAuth "),)),
        rig.route("/cookie", send=(InCookie("SESSION"), InHeader("X-Session"))),
        rig.route("/query", send=(InQuery("access_token"),)),
        rig.route("/local", refuses_foreign_pages=True),
        rig.route("/", name="named", host="named.test", refuses_foreign_pages=True),
    ]


REQUESTS = [
    ("GET", "/crm/users?a=%2F", (), b""),
    (
        "GET",
        "/crm",
        ("Cookie: a", "X-Tenant: mine", "X-HTTP-Method-Override: PUT", "X-Original-URL: /x"),
        b"",
    ),
    ("PUT", "/crm", (), b""),
    ("get", "/crm", (), b""),
    ("BREW", "/", (), b""),
    ("TRACE", "/", (), b""),
    ("GET", "/", FORWARDED, b""),
    ("GET", "/", ("Forwarded: for=1.1.1.1", "Via: 1.0 a", "X_Forwarded_For: 1.1.1.1"), b""),
    ("GET", "/", ("Connection: X-Drop, close", "X-Drop: 1", "TE: trailers"), b""),
    ("GET", "/", ("TE: trailers", "Connection: TE"), b""),
    ("GET", "/", ("X-Request-ID: mine",), b""),
    ("GET", "/", ("X-Request-ID: not mine",), b""),
    ("GET", "/", ("Upgrade: h2c", "Connection: Upgrade"), b""),
    ("GET", "/", ("Upgrade: h2c", "Connection: Upgrade"), b""),
    ("GET", "/", ("DPoP: a.b.c",), b""),
    ("GET", "/keep", ("Authorization: Basic abc",), b""),
    ("GET", "/keep", ("Authorization: Basic abc", "Authorization: Basic def"), b""),
    ("GET", "/keep", (), b""),
    ("GET", "/reject", ("Authorization: Basic abc",), b""),
    ("GET", "/crm", ("Authorization: Basic abc", "DPoP: a.b.c"), b""),
    ("GET", "/field", ("Authorization: Basic abc", "X_Auth_Token: mine"), b""),
    ("GET", "/field", ("Authorization: Basic abc", "Authorization: Basic def"), b""),
    ("GET", "/oauth", ("Authorization: Basic abc",), b""),
    ("GET", "/cookie", ("Cookie: a=1; SESSION=mine", "X-Session: mine"), b""),
    ("GET", "/query?a=%2F", (), b""),
    ("GET", "/query?a=1&access%5Ftoken=x", (), b""),
    ("OPTIONS", "/", ("Max-Forwards: 0",), b""),
    ("OPTIONS", "/", ("Max-Forwards: 3",), b""),
    ("OPTIONS", "*", (), b""),
    ("POST", "/small", ("Content-Length: 5",), BODY[1]),
    ("POST", "/crm", ("Content-Length: 5",), BODY[1]),
    ("POST", "/crm", ("Content-Length: 0",), b""),
    ("POST", "/crm", ("Transfer-Encoding: chunked",), BODY[2]),
    ("POST", "/", ("Transfer-Encoding: gzip, chunked",), b""),
    ("POST", "/", ("Content-Length: 5", "Content-Length: 6"), b""),
    ("POST", "/", ("Content-Length: +5",), b""),
    ("GET", "/a/../b", (), b""),
    ("GET", "/a\\b", (), b""),
    ("GET", "crm", (), b""),
    ("GET", "/é", (), b""),
    ("GET", "/", ("X: é",), b""),
    ("GET", "/", ("No colon",), b""),
    ("GET", "/", ("Bad name: 1",), b""),
    ("GET", "/", ("Expect: 200-maybe",), b""),
    ("GET", "/" + "a" * 9000, (), b""),
    ("GET", "/", ("X: " + "a" * 70_000,), b""),
    ("GET", "http://named.test/x", (), b""),
    ("GET", "HTTPS://named.test?x", (), b""),
    ("GET", "http://evil.example/local", (), b""),
    ("GET", "http://user@named.test/x", (), b""),
    ("GET", "ftp://named.test/x", (), b""),
    ("GET", "/local", (), b""),
    ("GET", "/local", ("Host: evil.example",), b""),
    ("GET", "/local", ("Host: localhost", "Origin: https://evil.example"), b""),
    ("GET", "/local", ("Host: localhost", "Sec-Fetch-Site: cross-site"), b""),
    ("GET", "/x", ("Host: named.test",), b""),
    ("GET", "/x", ("Host: named.test", "Origin: https://evil.example"), b""),
    ("GET", "/", ("Host: a b",), b""),
    ("GET", "/", ("Host: a", "Host: b"), b""),
]

SHOWN = "<the token of client crm>"
MADE = re.compile("[0-9a-f]{12}-[0-9a-f]+")
EVERYBODY = TrustedProxies((ip_network("127.0.0.0/8"),), unix=True)


def shown(lines, request_id, token):
    """What is explained, with the id and the token that the request really got."""
    made = {"<a new id>": request_id} if MADE.fullmatch(request_id) else {}
    words = made | {SHOWN: token}
    return sorted(line.replace(*pair) for line in lines for pair in [_pair(line, words)])


def _pair(line, words):
    return next(((old, new) for old, new in words.items() if old in line), ("", ""))


async def explained(rig, listener, method, target, fields, *, is_http10):
    arrived = arrival((listener,), target, None, None)
    sent = request_bytes(method, target, fields, arrived, is_http10=is_http10)
    try:
        read = await read_alone(sent, rig.settings.limits)
        asked = Question(read.method, read.path, read.version, read.raw_headers)
        return sent, explain(rig.settings, asked, arrived), None
    except GatewayError as error:
        return sent, None, error


@pytest.mark.parametrize("is_http10", [False, True], ids=["1.1", "1.0"])
@pytest.mark.parametrize("trusted", [TrustedProxies(), EVERYBODY], ids=["untrusted", "trusted"])
@pytest.mark.parametrize("over", ["tcp", "unix"])
async def test_what_is_explained_is_what_happens(tmp_path, over, trusted, is_http10):
    address = LOOPBACK if over == "tcp" else Address(path=str(tmp_path / "gateway.sock"))
    listener = ListenerSettings(address)
    async with Rig(routes=routes, listeners=(listener,), trusted_proxies=trusted) as rig:
        listener = replace(listener, address=rig.address)  # with the real port
        for method, target, fields, body in REQUESTS:
            sent, told, refused = await explained(rig, listener, method, target, fields, is_http10=is_http10)
            count = len(rig.upstream.requests)
            answer = await rig.ask(sent + body)
            what = (method, target[:80], [field[:80] for field in fields])
            if refused is not None:
                assert (answer.status, answer.code) == (refused.status, refused.code), what
                assert len(rig.upstream.requests) == count, what
            elif not told.upstream_url:
                assert (answer.status, len(rig.upstream.requests)) == (204, count), what
            else:
                assert answer.status == 200, what
                got = rig.upstream.requests[-1].head
                lines = [line.decode("utf-8", "replace") for line in got.raw.split(b"\r\n")[1:] if line]
                given = (got.value("X-Request-ID") or b"").decode()
                assert shown(told.after, given, "token_1") == sorted(lines), what
                url = told.upstream_url.replace(SHOWN, "token_1")
                assert url.endswith(got.line.split(b" ")[1].decode("latin-1")), what
