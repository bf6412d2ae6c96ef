"""`gateway token CLIENT` walks the steps of a login, and shows nothing of it that is secret."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.diagnosis.login_witness import LoginWitness
from gateway.core.oauth.logins.login_answer import LoginProgress, read_step
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import MASK, Secret
from gateway.core.settings.client_settings import ClientName
from gateway.core.text.masking import MASKED_FROM_CHARS
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from gateway.doctor.report_build import Examination, make_report
from tests.config.documents import load_text
from tests.oauth.fakes import KEY, WALL_S, loop_clock
from tests.wire.messages import ok
from tests.wire.servers import FakeServer, Script

PASSWORD = "the-password-of-the-service"
TEXT = """
clients:
  erp:
    login:
      steps:
        - url: {url}/form?sap-client=100
          take: {csrf: {page: _csrf}}
        - url: {url}/login
          headers: {X-CSRF: "${taken:csrf}"}
          basic: {user: svc, password: "${env:PASSWORD}"}
          json: {user: svc, nested: {password: "${env:PASSWORD}"}}
          success: {status: 200, json: {/error: absent}}
          take: {token: /data/token, session: {cookie: SESSION}}
routes: [{path: /, upstream: "http://127.0.0.1:1", client: erp}]
"""


def client(url: str = "http://127.0.0.1:1", password: str = PASSWORD):
    return load_text(TEXT.replace("{url}", url), {"PASSWORD": password}).clients[ClientName("erp")]


async def examined(script: Script):
    server = FakeServer(script)
    await server.start()
    try:
        return await examine(client(f"http://127.0.0.1:{server.port}"), loop_clock(), KEY)
    finally:
        await server.close()


PAGE = ok(b'<input name="_csrf" value="the-csrf-token">')
GOOD = ok(b'{"data": {"token": "the-token-itself"}}', "Set-Cookie: SESSION=the-session-cookie; Max-Age=90")


async def test_each_step_is_told_with_the_names_of_what_was_sent():
    report = await examined([PAGE, GOOD])
    told = render_text(report)

    assert report.has_token
    assert re.sub(r"after \d+ ms", "after N ms", re.sub(r":\d{4,5}/", ":1/", told)).splitlines() == [
        "client erp (login)",
        f"step 1 of 2: GET http://127.0.0.1:1/form?{MASK}",
        "status 200 after N ms",
        "step 2 of 2: POST http://127.0.0.1:1/login",
        f"  > Authorization: Basic {MASK}",
        f"  > X-CSRF: {MASK}",
        f"  > user: {MASK}",
        f"  > nested: {MASK}",
        "status 200 after N ms",
        f"token {report.token.fingerprint}: opaque, 16 characters",
        "  lifetime: 90 s (as stated)",
        "  scope: none (requested: none)",
    ]
    for shown in (told, render_json(report), repr(report)):
        assert not any(hidden in shown for hidden in (PASSWORD, "the-token", "the-csrf", "the-session"))


async def test_a_place_that_has_nothing_is_told_with_what_is_there_instead():
    answer = ok(b'{"data": {"jwt": "the-token-itself", "ttl": 3}}', "Set-Cookie: SESSION=the-session-cookie")
    report = await examined([PAGE, answer])
    told = render_text(report)

    assert "  ! /data/token was not found: /data is an object with the members jwt, ttl" in told
    assert "no token: step 2 of the login: /data/token was not found" in told
    assert "  look at: clients.erp.login (answer_unusable)" in told
    assert "  hint: compare `take` with what is there instead; another step may have it" in told
    assert "the-token-itself" not in told + render_json(report)
    assert json.loads(render_json(report))["attempts"][1]["not_found"] == [
        "/data/token was not found: /data is an object with the members jwt, ttl"
    ]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            [PAGE, ok(b"", "Location: /login?error&sid=the-session-cookie", status="302 Found")],
            [
                f"  < location: /login?error&sid={MASK}",
                "no token: step 2 of the login: the server answered 302",
                "  look at: clients.erp.login (credentials_refused)",
                "  hint: if this redirect is success, write success: {status: ..., location: ...}",
            ],
        ),
        (
            [PAGE, ok(b'{"error": {"message": "no such user"}}')],
            [
                "no token: step 2 of the login: the server answered 200, but /error is not as expected",
                "  the server says: no such user",
                "  hint: check user and password, `success`, and what else the server expects in this step",
            ],
        ),
        (
            [ok(b"", status="404 Not Found")],
            [
                "no token: step 1 of the login: the server answered 404",
                "  hint: check the url and the method of this step",
            ],
        ),
    ],
)
async def test_a_failure_is_told_with_its_step_and_advice(answers, told):
    lines = render_text(await examined(answers)).splitlines()

    assert [line for line in told if line not in lines] == []


async def test_another_attempt_is_never_made():
    """It might lock the account."""
    report = await examined([PAGE, ok(b"", status="401 Unauthorized")])

    assert len(report.attempts) == 2
    assert report.tried == ()


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=5, max_size=40).map(
    "Zq~".__add__
)


@settings(max_examples=50)
@given(SECRETS, SECRETS, SECRETS, st.booleans())
def test_a_report_shows_nothing_of_a_login_whatever_the_server_echoes(password, token, session, succeeds):
    erp = client(password=password)
    login = erp.grant.login
    echo = f"{password} {token}"
    said = {"message": echo, "data": {"token" if succeeds else "jwt": token}}
    fields = {"location": f"/next#{token}", "www-authenticate": echo, "retry-after": echo}
    page = ServerAnswer(200, {}, b'<input name="_csrf" value="csrf-value">')
    first = read_step(login, 0, LoginProgress(), page, WALL_S)
    answer = ServerAnswer(200, fields, json.dumps(said).encode(), (f"SESSION={session}",))
    second = read_step(login, 1, first.progress, answer, WALL_S)
    outcome = second.failed or second.progress.granted(login)
    nothing = Secret("")
    attempts = (
        TokenAttempt("http://a/form", 0, nothing, None, page, Granted(nothing, None, ()), 0.0, "GET", 0, 2),
        TokenAttempt(
            "http://a/login", 0, nothing, None, answer, outcome, 0.0, "POST", 1, 2, (second.missing,) if second.missing else ()
        ),
    )  # fmt: skip
    examination = Examination(
        erp, LoginWitness(erp), Asked(attempts, outcome), ClientFacts("", 1, 1, ()), (), (), "", "", KEY
    )
    report = make_report(examination)

    shown = render_text(report) + json.dumps(json.loads(render_json(report)), ensure_ascii=False)
    for secret in (password, token, session.partition(";")[0]):
        assert len(secret) < MASKED_FROM_CHARS or secret not in shown.replace(MASK, "")
