"""Whatever the secrets of a login look like, they occur in nothing that is written, and reach no caller."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from urllib.parse import quote, quote_plus

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.settings.all_settings import LogFormat, LogSettings
from tests.logins.rig import LoginRig
from tests.skipping_loop import SkippingLoop
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK
from tests.wire.servers import Exchange
from tests.wire.test_secrets import captured_logs, every_repr, shown_by_admin

TEXT = """
clients:
  erp:
    login:
      steps:
        - url: {login}/form
          basic: {user: svc, password: "${env:PASSWORD}"}
          take: {csrf: {header: X-CSRF}}
        - url: {login}/login
          headers: {X-CSRF: "${taken:csrf}"}
          form: {user: svc, password: "${env:PASSWORD}", literal: "SECRET-IN-THE-FILE"}
          take: {token: {cookie: SESSION}, key: /key}
      rolling: true
      logout: {url: "{login}/logout", json: {key: "${taken:key}", password: "${env:PASSWORD}"}}
    send: [{cookie: SESSION}, {header: X-CSRF, part: csrf}, {query: key, part: key}]
routes: [{path: /, upstream: "{upstream}", client: erp}]
"""

# Each begins with what occurs nowhere else: ten zeros alone would be found in many a number.
TOKENS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";"), min_size=6, max_size=40
).map("Tk~!".__add__)
PASSWORDS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc", "Zs", "Zl"]), min_size=6
).map("Pw¿!".__add__)


class Talkative:
    """Repeats in errors and header fields whatever it was sent and whatever it handed out."""

    def __init__(self, session: str, csrf: str, key: str) -> None:
        self.session, self.csrf, self.key = session, csrf, key
        self.is_broken = False

    async def login(self, exchange: Exchange) -> None:
        await exchange.body()
        echo = exchange.head.raw.decode("latin-1") + exchange.content.decode("utf-8", "replace")
        if self.is_broken:
            exchange.write(
                ok(json.dumps({"error": echo, "of": self.session}).encode(), status="403 Forbidden")
            )
        elif exchange.target == b"/form":
            exchange.write(ok(echo.encode(), f"X-CSRF: {self.csrf}"))
        else:
            body = json.dumps({"key": self.key, "echo": echo}).encode()
            exchange.write(ok(body, f"Set-Cookie: SESSION={self.session}; HttpOnly"))

    async def serve(self, exchange: Exchange) -> None:
        await exchange.body()
        if exchange.target.startswith(b"/dead"):
            exchange.write(ok(b"no", status="401 Unauthorized"))
        else:
            exchange.write(
                ok(b"data", f"Set-Cookie: SESSION={self.session}", f"Location: {exchange.target.decode()}")
            )


async def everything(password: str, system: Talkative) -> dict[str, str]:
    """All that is written while a login succeeds, a session dies, and the next login fails."""
    with captured_logs(LogFormat.TEXT) as stream:
        log = LogSettings("debug", LogFormat.TEXT, None)
        environ = {"PASSWORD": password}
        rig = LoginRig(TEXT, system.login, system.serve, environ=environ, admin=LOOPBACK, log=log)
        async with rig:
            answers = [await rig.get("/orders?a=1")]
            system.is_broken = True
            answers += [await rig.ask(request("POST", "/dead", body=b"x")) for _ in range(2)]
            shown = await shown_by_admin(rig.gateway.admin_address)
            shown += every_repr(rig)
            shown += [
                repr(each) + str(each) for each in (*rig.told.records, *rig.told.obtained, *rig.told.failed)
            ]
    assert [answer.status for answer in answers] == [200, 502, 502]
    return {
        "answers": "".join((answer.head.raw + answer.body).decode("latin-1") for answer in answers),
        "admin and reprs": "\n".join(shown),
        "log": stream.getvalue(),
    }


def spellings(secret: str) -> set[str]:
    plain = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return plain | {secret.encode().decode("latin-1"), b64encode(f"svc:{secret}".encode()).decode()}


@settings(max_examples=6, deadline=None)
@given(PASSWORDS, TOKENS, TOKENS, TOKENS)
def test_no_secret_of_a_login_occurs_in_anything_that_is_written(password, session, csrf, key):
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        written = runner.run(everything(password, Talkative(session, csrf, key)))

    for place, text in written.items():
        for secret in (password, session, csrf, key, "SECRET-IN-THE-FILE"):
            found = [spelling for spelling in spellings(secret) if spelling in text]
            assert found == [], f"{secret!r} stands in {place}"
