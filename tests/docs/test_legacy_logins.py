"""Every example of docs/legacy-logins.md is run: a first request, a session that is dead, a POST nevertheless."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace

import pytest

from tests.docs.pages import ROOT, blocks
from tests.logins.catalogue import (
    HTML_LOGIN,
    UNAUTHORIZED,
    Shape,
    bearer,
    cookie,
    cookies,
    document,
    form,
    numbered,
    refused,
    text,
)
from tests.logins.rig import LoginRig
from tests.logins.test_catalogue import System
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import ok, request

PAGE = ROOT / "docs" / "legacy-logins.md"
SECTIONS = {section.partition("\n")[0]: section for section in re.split(r"(?m)^## ", PAGE.read_text())[1:]}
EXAMPLES = {title: section for title, section in SECTIONS.items() if "```yaml" in section}
TRIED = ("Django", "Deluge")
HONEST = r"Tried here: (yes, version [\d.]+|no; from the vendor's documentation \(20\d\d-\d\d-\d\d\))"
BY_TLS = "Salesforce"
SECRET = "p@ss w&rd"


def found(location: str, *fields: str) -> bytes:
    return ok(b"", f"Location: {location}", *fields, status="302 Found")


def granted(number: int, **more: object) -> bytes:
    return document({"access_token": f"session-{number}", "token_type": "bearer", **more})


SYSTEMS = {
    "SAP Business One": Shape(
        "",
        "",
        {
            "/b1s/v1/Login": lambda x, n: (
                document(
                    {"SessionId": f"session-{n}", "SessionTimeout": 30},
                    f"Set-Cookie: B1SESSION=session-{n}; HttpOnly",
                    "Set-Cookie: ROUTEID=.node1; path=/b1s",
                )
                if json.loads(x.content)["Password"] == SECRET
                else refused()
            ),
            "/b1s/v1/Logout": lambda *_: ok(b"", status="204 No Content"),
        },
        numbered("session-{} .node1"),
        cookie("B1SESSION", "ROUTEID"),
        document(
            {"error": {"code": 301, "message": {"value": "Invalid session."}}}, status="401 Unauthorized"
        ),
    ),
    "SAP OData": Shape(
        "",
        "",
        {
            "/sap/opu/odata/sap/API_SALES_ORDER_SRV/": lambda x, n: ok(
                b"{}",
                f"Set-Cookie: SAP_SESSIONID_PRD_100=session-{n}; path=/",
                "Set-Cookie: sap-usercontext=sap-client=100; path=/",
                f"x-csrf-token: {'c' + str(n) if text(x, 'X-CSRF-Token') == 'Fetch' else ''}",
            )
        },
        numbered("session-{0} c{0}"),
        lambda x: f"{cookie('SAP_SESSIONID_PRD_100')(x)} {text(x, 'X-CSRF-Token')}",
        ok(b"CSRF token validation failed", "x-csrf-token: Required", status="403 Forbidden"),
    ),
    "Django": Shape(
        "",
        "",
        {
            "/admin/login/": lambda x, n: (
                ok(
                    b'<input type="hidden" name="csrfmiddlewaretoken" value="m1">',
                    "Set-Cookie: csrftoken=before",
                )
                if x.line.startswith(b"GET")
                else found(
                    "/admin/",
                    f"Set-Cookie: sessionid=session-{n}; Max-Age=1209600",
                    f"Set-Cookie: csrftoken=c{n}",
                )
                if (form(x)["password"], form(x)["csrfmiddlewaretoken"], cookies(x)["csrftoken"])
                == (SECRET, "m1", "before")
                else ok(HTML_LOGIN)
            ),
            "/admin/logout/": lambda *_: ok(),
        },
        numbered("session-{0} c{0} c{0}"),
        lambda x: f"{cookie('sessionid', 'csrftoken')(x)} {text(x, 'X-CSRFToken')}",
        found("/admin/login/?next=/"),
    ),
    "Spring Security": Shape(
        "",
        "",
        {
            "/login": lambda x, n: (
                ok(
                    b'<input name="_csrf" type="hidden" value="m1"/>',
                    "Set-Cookie: JSESSIONID=before; Path=/; HttpOnly",
                )
                if x.line.startswith(b"GET")
                else found("/", f"Set-Cookie: JSESSIONID=session-{n}; Path=/; HttpOnly")
                if (form(x)["password"], form(x)["_csrf"], cookies(x)["JSESSIONID"])
                == (SECRET, "m1", "before")
                else found("/login?error")
            )
        },
        numbered("session-{}"),
        cookie("JSESSIONID"),
        found("http://shop/login", "Set-Cookie: JSESSIONID=anonymous"),
    ),
    "Deluge": Shape(
        "",
        "",
        {
            "/json": lambda x, n: (
                document(
                    {"result": True, "error": None, "id": 1}, f"Set-Cookie: _session_id=session-{n}; Path=/"
                )
                if json.loads(x.content) == {"method": "auth.login", "params": [SECRET], "id": 1}
                else document({"result": False, "error": None, "id": 1})
            )
        },
        numbered("session-{}"),
        cookie("_session_id"),
        document({"result": None, "error": {"message": "Not authenticated", "code": 1}, "id": 1}),
    ),
    "VMware Aria Operations for Logs": Shape(
        "",
        "",
        {
            "/api/v2/sessions": lambda x, n: (
                document({"userId": "1", "sessionId": f"session-{n}", "ttl": 1800})
                if json.loads(x.content)["password"] == SECRET
                else refused()
            )
        },
        numbered("session-{}"),
        bearer,
        ok(b"", status="440 Login Time-out"),
    ),
    "SAP Commerce": Shape(
        "",
        "",
        {
            "/authorizationserver/oauth/token": lambda x, n: (
                granted(n, expires_in=43199, scope="basic openid")
                if form(x)["client_secret"] == SECRET and form(x)["grant_type"] == "client_credentials"
                else refused()
            )
        },
        numbered("session-{}"),
        bearer,
        document({"errors": [{"type": "InvalidTokenError"}]}, status="401 Unauthorized"),
    ),
    "ServiceNow": Shape(
        "",
        "",
        {
            "/oauth_token.do": lambda x, n: (
                granted(n, expires_in=1799, refresh_token="r", scope="useraccount")
                if (form(x)["grant_type"], form(x)["username"], form(x)["password"])
                == ("password", "gateway", SECRET)
                else refused()
            )
        },
        numbered("session-{}"),
        bearer,
    ),
    "Zoom": Shape(
        "",
        "",
        {
            "/oauth/token": lambda x, n: (
                granted(n, expires_in=3599, scope="meeting:read:admin", api_url="https://api.zoom.us")
                if form(x) == {"grant_type": "account_credentials", "account_id": "a1b2c3"}
                else refused()
            )
        },
        numbered("session-{}"),
        bearer,
        document({"code": 124, "message": "Access token is expired."}, status="401 Unauthorized"),
    ),
    "Salesforce": Shape(
        "",
        "",
        {
            "/services/oauth2/token": lambda x, n: granted(
                n, instance_url="https://localhost:PORT5", issued_at="1700000000000", signature="s"
            )
        },
        numbered("session-{}"),
        bearer,
        document(
            [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
            status="401 Unauthorized",
        ),
    ),
}


class Documented(LoginRig):
    """The configuration of the page, with our servers for those of the example."""

    def __init__(self, system: System, yaml: str, folder, upstream_tls) -> None:
        super().__init__(yaml, system._login, system._serve, upstream_tls=upstream_tls)
        self._folder = folder

    def _all_settings(self):
        login = f"http://127.0.0.1:{self.logins.port}"
        yaml = re.sub(r"/run/secrets/([\w-]+)", lambda found: str(self._folder / found[1]), self._text)
        for name in re.findall(re.escape(str(self._folder)) + r"/([\w-]+)", yaml):
            (self._folder / name).write_text(SECRET)
        yaml = yaml.replace("https://*.my.example.com", f"https://localhost:{self.upstream.port}")
        if "{token.instance}" in yaml:
            yaml = yaml.rstrip() + f"\n    tls: {{ca: '{self._folder}/ca.pem'}}\n"
        clients, routes = yaml.split("\nroutes:")
        server = r"https?://[\w.-]*(?:example\.com|127\.0\.0\.1)(?::\d+)?"
        clients = re.sub(server, login, clients)
        self._text = f"{clients}\nroutes:{re.sub(server, '{upstream}', routes)}"
        return super()._all_settings()


def yaml_of(title: str) -> str:
    (example,) = [block.text for block in blocks(PAGE, "yaml") if block.text in SECTIONS[title]]
    return example


@pytest.mark.skips_time
@pytest.mark.parametrize("title", [title for title in EXAMPLES if title != BY_TLS])
async def test_an_example_logs_in_and_recovers(title, tmp_path):
    await logs_in_and_recovers(title, tmp_path)


@pytest.mark.time_lapse  # time must not be skipped while threads make TLS contexts and look names up
async def test_so_does_the_one_whose_upstream_must_have_tls(tmp_path):
    await logs_in_and_recovers(BY_TLS, tmp_path)


async def logs_in_and_recovers(title, tmp_path):
    authority = Authority.make(tmp_path)
    is_named = "{token.instance}" in yaml_of(title)
    system = System(SYSTEMS[title])
    tls = server_context(authority.leaf("localhost")) if is_named else None
    rig = system.rig = Documented(system, yaml_of(title), tmp_path, tls)
    answers = dict(system.shape.steps)
    system.shape = replace(
        system.shape,
        steps={
            path: lambda x, n, answer=answer: answer(x, n).replace(b"PORT5", b"%d" % rig.upstream.port)
            for path, answer in answers.items()
        },
    )
    async with rig:
        path = rig.settings.routes[0].path
        first = await rig.get(path)
        await asyncio.sleep(1.5)  # logins are a second apart
        system.kill()
        second = await rig.ask(request("POST", f"{path.rstrip('/')}/orders", body=b"an order"))

    assert [(answer.status, answer.body) for answer in (first, second)] == [(200, b"data")] * 2
    assert system.seen() == [system.shape.credential(number) for number in (1, 1, 2)]
    assert system.opened == 2


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_example_says_whether_it_was_tried(title):
    honest = re.search(HONEST, EXAMPLES[title])

    assert honest is not None
    assert honest[1].startswith("yes") == (title in TRIED)


def test_the_table_leads_to_every_example():
    linked = set(re.findall(r"\]\(#([\w-]+)\)", PAGE.read_text().partition("\n## ")[0]))

    assert {title.lower().replace(" ", "-") for title in EXAMPLES} <= linked


def test_every_system_has_its_example():
    assert SYSTEMS.keys() == EXAMPLES.keys()
    assert UNAUTHORIZED in {shape.dead for shape in SYSTEMS.values()}
