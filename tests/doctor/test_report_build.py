"""The report of `gateway token` as a value: what was sent, what came back, and no secret in it."""

import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import key_of
from gateway.core.oauth.diagnosis.grant_witness import GrantWitness
from gateway.core.oauth.metadata import Look, ServerMetadata
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_answer import read_token_answer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import MASK, Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, Grant, GrantType, TlsFiles
from gateway.core.settings.signing_settings import DpopSettings
from gateway.doctor.rendering import render_json, render_text
from gateway.doctor.report import Report
from gateway.doctor.report_build import Examination, make_report
from tests.core.samples import GRANT

SECRET = "hunter2 the+secret"
HEADER_VALUE = "the-key-of-a-gateway-in-front"
PARAMETER = "the-pin-1234"
PROOF = "head.claims.the-proofs-signature"
TOKEN = "access.token~1"
BASIC = b64encode(b"mobile_android:hunter2%20the%2Bsecret").decode()
DOWN = Failed(FailureKind.UNREACHABLE, "the authorization server cannot be reached")
FACTS = ClientFacts("https://login.test/token", 1, 2, ())
OURS = replace(GRANT, scope=("a", "b"), headers=(("X-Key", HEADER_VALUE),), parameters=(("pin", PARAMETER),))


def answered(document: object, status: int = 200, **fields: str) -> ServerAnswer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ServerAnswer(status, {name.replace("_", "-"): value for name, value in fields.items()}, body)


def attempt(answer: ServerAnswer | Failed, grant: Grant = OURS, number: int = 0) -> TokenAttempt:
    is_answer = isinstance(answer, ServerAnswer)
    outcome = read_token_answer(answer, grant.scope, 0.0, grant.dpop) if is_answer else answer
    dpop = Secret(PROOF) if grant.dpop is not None else None
    url = "https://login.test/token?key=hidden"
    return TokenAttempt(url, number, Secret(SECRET), dpop, answer, outcome, 0.25)


def report(
    *answers: ServerAnswer | Failed,
    grant: Grant = OURS,
    looks: tuple[Look, ...] = (),
    objections: tuple[str, ...] = (),
    remedy: str = "",
    tried: tuple[str, ...] = (),
) -> Report:
    attempts = tuple(attempt(answer, grant, number) for number, answer in enumerate(answers))
    asked = Asked(attempts, attempts[-1].outcome if attempts else DOWN)
    key = Secret("-----BEGIN KEY-----\nMIIabc\n")
    client = ClientSettings(grant, (lambda: Secret(SECRET),) * 2, dpop_key=lambda: key)
    return make_report(
        Examination(
            client=client,
            witness=GrantWitness(client),
            asked=asked,
            facts=replace(
                FACTS,
                objections=objections,
                issuer=grant.issuer,
                method=grant.method.value,
                asked_scope=grant.scope,
            ),
            looks=looks,
            tried=tried,
            remedy=remedy,
            key=key_of(asked.outcome, client) if isinstance(asked.outcome, Failed) else "",
            fingerprint_key=b"k",
        )
    )


def sent(grant: Grant) -> dict[str, str]:
    [shown] = report(DOWN, grant=grant).attempts
    return dict(shown.sent)


# ── what was sent ─────────────────────────────────────────────────────────────────────────────────


def test_what_was_sent_is_shown_with_every_value_masked_that_may_be_secret():
    assert sent(OURS) == {
        "Authorization": f"Basic {MASK}",
        "X-Key": MASK,
        "grant_type": "client_credentials",
        "scope": "a b",
        "pin": MASK,
    }


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"method": AuthMethod.CLIENT_SECRET_POST}, {"client_id": "mobile_android", "client_secret": MASK}),
        (
            {"method": AuthMethod.PRIVATE_KEY_JWT, "assertion_type": JWT_BEARER},
            {"client_assertion_type": JWT_BEARER, "client_assertion": MASK},
        ),
        ({"method": AuthMethod.NONE, "grant_type": GrantType.JWT_BEARER}, {"assertion": MASK}),
        (
            {"method": AuthMethod.TLS_CLIENT_AUTH, "certificate": TlsFiles("/c.pem", "/k.pem")},
            {"client_id": "mobile_android", "(TLS certificate)": "/c.pem"},
        ),
        ({"dpop": DpopSettings()}, {"DPoP": MASK, "Authorization": f"Basic {MASK}"}),
        ({"audience": ("x",), "resource": ("https://r",)}, {"audience": "x", "resource": "https://r"}),
    ],
)
def test_each_method_shows_what_it_sends(members: dict[str, object], shown: dict[str, str]):
    assert shown.items() <= sent(replace(OURS, **members)).items()


def test_every_attempt_is_shown_with_the_secret_it_took_and_the_last_one_decides():
    refusal = answered({"error": "invalid_client"}, 401, www_authenticate="Basic")
    made = report(refusal, answered({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60}))
    assert [(each.secret, each.status) for each in made.attempts] == [(1, 401), (2, 200)]
    assert [each.url for each in made.attempts] == [f"https://login.test/token?{MASK}"] * 2
    assert (made.has_token, made.problem, made.secrets) == (True, "", 2)


def test_where_nothing_could_be_sent_only_the_problem_is_told():
    made = report()
    assert (made.attempts, made.token, made.problem) == ((), None, DOWN.reason)


def test_where_no_answer_came_there_is_nothing_received():
    [shown] = report(DOWN).attempts
    assert (shown.status, shown.received) == (None, ())


# ── what came back ────────────────────────────────────────────────────────────────────────────────


def test_only_fields_that_say_something_are_shown():
    [shown] = report(answered({}, 400, date="x", set_cookie="s", location="/y", x_debug="z")).attempts
    assert shown.received == (("location", "/y"), ("date", "x"))


def test_a_failure_is_told_with_the_servers_words_and_advice():
    made = report(answered({"error": "invalid_scope", "error_description": "no\n" * 100}, 400))
    assert made.problem == "the authorization server answered 400 invalid_scope"
    assert made.description == ("no " * 100)[:200]
    assert "scope" in made.advice


@pytest.mark.parametrize("description", [None, 7, ["x"], {"a": 1}])
def test_a_description_that_is_no_text_is_none(description: object):
    assert (
        report(answered({"error": "invalid_scope", "error_description": description}, 400)).description == ""
    )


def test_a_failure_is_told_with_the_servers_words_wherever_they_stand():
    made = report(answered({"fault": {"faultstring": f"Invalid client: {SECRET}"}}, 401))
    assert made.description == f"Invalid client: {MASK}"


def test_a_token_is_told_by_its_shape():
    body = urlsafe_b64encode(b'{"sub":"me"}').rstrip(b"=").decode()
    text = f"h.{body}.s"
    made = report(answered({"access_token": text, "token_type": "Bearer", "expires_in": 60, "scope": "a"}))
    token = made.token
    assert token is not None
    assert (token.characters, token.lifetime_s, token.is_lifetime_stated) == (len(text), 60.0, True)
    assert (token.scope, token.claims, token.is_bound) == (("a",), {"sub": "me"}, False)
    assert len(token.fingerprint) == 8


def test_where_no_lifetime_is_stated_the_default_counts():
    token = report(answered({"access_token": TOKEN, "token_type": "Bearer"})).token
    assert token is not None
    assert (token.lifetime_s, token.is_lifetime_stated, token.claims) == (300.0, False, None)


# ── discovery ─────────────────────────────────────────────────────────────────────────────────────


def test_each_place_is_told_and_another_issuers_name_is_said():
    grant = replace(OURS, token_endpoint=None, issuer="https://login.test")
    none = Failed(FailureKind.INVALID, "the issuer publishes no metadata: it answered 404")
    other = Failed(FailureKind.INVALID, "the issuer's metadata names another issuer")
    good = ServerMetadata("https://login.test", "https://login.test/token")
    looks = (
        Look("https://login.test/1", none, 404),
        Look("https://login.test/2", other, 200, f"https://\x1b{SECRET}"),
        Look("https://login.test/3", good, 200, "https://login.test"),
        Look("https://login.test/4", DOWN),
    )
    told = [(look.status, look.problem, look.said_issuer) for look in report(grant=grant, looks=looks).looks]
    assert told == [
        (404, none.reason, ""),
        (200, other.reason, f"https:// {MASK}"),
        (200, "", ""),
        (None, DOWN.reason, ""),
    ]


# ── no secret ─────────────────────────────────────────────────────────────────────────────────────

LONG = "long-secret-" * 9
ECHOES = st.sampled_from(
    [
        SECRET,
        "hunter2%20the%2Bsecret",
        "hunter2+the%2Bsecret",
        BASIC,
        f"Basic {BASIC}",
        HEADER_VALUE,
        PROOF,
        TOKEN,
        LONG,
    ]
)
FIELDS = (
    "content-type",
    "cache-control",
    "www-authenticate",
    "retry-after",
    "location",
    "date",
    "dpop-nonce",
)
MEMBERS = ("error", "error_description", "scope", "token_type", "expires_in", "refresh_token", "x")


@settings(max_examples=300)
@given(
    st.sampled_from([200, 201, 302, 400, 401, 403, 503]),
    st.dictionaries(st.sampled_from(FIELDS), ECHOES),
    st.dictionaries(st.sampled_from(MEMBERS), ECHOES),
)
def test_whatever_the_server_writes_back_of_it_no_secret_is_told(status, fields, members):
    token = {"access_token": TOKEN, "token_type": "DPoP"}
    answer = ServerAnswer(status, fields, json.dumps(token | members).encode())
    grant = replace(OURS, dpop=DpopSettings(), headers=(("X-Key", HEADER_VALUE), ("X-Long", LONG)))
    looks = (Look("u", DOWN, 200, SECRET),)
    made = report(answer, grant=grant, objections=(f"it has {SECRET}",), looks=looks)
    for shown in (repr(made), render_text(made), render_json(made)):
        for hidden in (
            "hunter2",
            BASIC,
            HEADER_VALUE,
            PARAMETER,
            "the-proofs-signature",
            TOKEN,
            "long-secret",
        ):
            assert hidden not in shown


def test_what_a_report_is_made_from_shows_nothing_either():
    asked = Asked((attempt(answered(SECRET.encode())),), DOWN)
    client = ClientSettings(OURS, (lambda: Secret(SECRET),))
    examination = Examination(client, GrantWitness(client), asked, FACTS, (), (), "", "", b"key!")
    for hidden in ("hunter2", HEADER_VALUE, PARAMETER, "key!"):
        assert hidden not in repr(examination)


def test_short_values_of_fields_are_no_secrets():
    """They would mask half of what is shown."""
    grant = replace(OURS, headers=(("X-Version", "invalid"),))
    made = report(answered({"error": "x", "error_description": "invalid"}, 400), grant=grant)
    assert made.description == "invalid"
