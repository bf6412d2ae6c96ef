"""What a login says reaches its settings."""

from __future__ import annotations

from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.login_settings import (
    BasicLogin,
    FormBody,
    JsonConstant,
    JsonItems,
    JsonMembers,
    LoginPace,
    LoginSettings,
    LoginStep,
    LoginSuccess,
    LoginText,
    SecretText,
    StatedLife,
    StepRequest,
    TakenText,
)
from gateway.core.settings.whereabouts import FromCookie, FromField, FromJson, FromPage, LifeUnit
from gateway.core.text.json_condition import ANYTHING, JsonCondition
from gateway.core.text.json_pointer import read_pointer
from tests.config.documents import ROUTE, SECRET, load_text

URL = "https://erp.example.com/login"


def client(login: str, environ: dict[str, str] | None = None):
    text = f"clients:\n  erp:\n    login:\n{login}{ROUTE}"
    return load_text(text, {"SECRET": SECRET, **(environ or {})}).clients[ClientName("erp")]


def step(line: str):
    return client(f"      steps: [{{url: '{URL}', take: {{token: /t}}, {line}}}]\n")


def test_every_key_of_a_login_reaches_its_settings():
    erp = client(
        """
      steps:
        - url: https://erp.example.com/login
          headers: {X-CSRF-Token: Fetch}
          basic: {user: svc, password: "${env:SECRET}"}
          success:
            status: 200
            content_type: application/json
            header: {X-Login: ok}
            json: {/errcode: 0, /error: absent, /user: present, /state: ["on", "1", absent]}
          take: {token: {cookie: SESSION}, csrf: {header: X-CSRF-Token}}
        - method: PUT
          url: https://erp.example.com/select
          headers: {X-CSRF-Token: "${taken:csrf}"}
          form: {tenant: acme, key: "a${env:SECRET}b${taken:csrf}c"}
          success: {status: [200, 302], location: /home*}
          take: {csrf: {page: _csrf}}
      lifetime: {json: /timeout, unit: m}
      rolling: true
      max_logins: 10/5m
      logout: {url: "https://erp.example.com/logout", json: {a: 1}}
"""
    )

    assert erp.grant.login == LoginSettings(
        steps=(
            LoginStep(
                StepRequest(
                    "GET",
                    URL,
                    (("X-CSRF-Token", LoginText(("Fetch",))),),
                    BasicLogin(LoginText(("svc",)), LoginText((SecretText(0),))),
                ),
                LoginSuccess(
                    frozenset({200}),
                    "application/json",
                    "",
                    (("X-Login", "ok"),),
                    (
                        JsonCondition(read_pointer("/errcode"), (0,)),
                        JsonCondition(read_pointer("/error"), (None,)),
                        JsonCondition(read_pointer("/user"), ANYTHING),
                        JsonCondition(read_pointer("/state"), ("on", "1", None)),
                    ),
                ),
                (("token", FromCookie("SESSION")), ("csrf", FromField("X-CSRF-Token"))),
            ),
            LoginStep(
                StepRequest(
                    "PUT",
                    "https://erp.example.com/select",
                    (("X-CSRF-Token", LoginText((TakenText("csrf"),))),),
                    None,
                    FormBody(
                        (
                            ("tenant", LoginText(("acme",))),
                            ("key", LoginText(("a", SecretText(1), "b", TakenText("csrf"), "c"))),
                        )
                    ),
                ),
                LoginSuccess(frozenset({200, 302}), location="/home*"),
                (("csrf", FromPage("_csrf")),),
            ),
        ),
        lifetime=StatedLife(FromJson(read_pointer("/timeout")), LifeUnit.MINUTES),
        logout=StepRequest(
            "POST", "https://erp.example.com/logout", body=JsonMembers((("a", JsonConstant("1")),))
        ),
        is_rolling=True,
        pace=LoginPace(10, 300.0),
    )
    assert [reader().reveal() for reader in erp.credentials] == [SECRET, SECRET]
    assert erp.place == "5:7: clients.erp.login"
    assert SECRET not in repr(erp)


def test_a_body_makes_a_post_and_none_a_get():
    assert step("json: {}").grant.login.steps[0].request.method == "POST"
    assert step("form: {}").grant.login.steps[0].request.method == "POST"
    assert step("basic: {user: a, password: b}").grant.login.steps[0].request.method == "GET"


def test_json_keeps_its_shape_and_types():
    body = (
        step('json: {a: ["x", 1, 1.5, true, {b: "${env:SECRET}"}], c: "1"}').grant.login.steps[0].request.body
    )

    assert body == JsonMembers(
        (
            (
                "a",
                JsonItems(
                    (
                        LoginText(("x",)),
                        JsonConstant("1"),
                        JsonConstant("1.5"),
                        JsonConstant("true"),
                        JsonMembers((("b", LoginText((SecretText(0),))),)),
                    )
                ),
            ),
            ("c", LoginText(("1",))),
        )
    )


def test_what_sounds_like_a_secret_is_one_even_in_plain_text():
    found = step("json: {user: svc, list: [{passwd: plain}]}")

    assert [reader().reveal() for reader in found.credentials] == ["plain"]
    assert "plain" not in repr(found)


def test_a_file_is_read_again_when_it_is_replaced(tmp_path):
    file = tmp_path / "password"
    file.write_text("old\n")
    found = step(f'form: {{password: "${{file:{file}}}"}}')
    file.write_text("newer\n")

    assert found.credentials[0]().reveal() == "newer"


def test_a_fixed_lifetime_is_a_number_of_seconds():
    found = client("      steps: [{url: 'https://a.example', take: {token: /t}}]\n      lifetime: 25m\n")

    assert found.grant.login.lifetime == 1500.0
