"""The report of `gateway token` as text and as JSON."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.diagnosis.deviations import Deviation
from gateway.doctor.rendering import as_object, render_json, render_text
from gateway.doctor.report import AttemptShape, LookShape, Report, TokenShape

ATTEMPT = AttemptShape(
    "https://a.test/token", 1, (("Authorization", "Basic ••••"),), 401, (("date", "now"),), 0.0123
)
TOKEN = TokenShape("ab12cd34", 40, 300.0, True, ("a",), {"sub": "me"}, False)
REFUSED = Report(
    client="crm",
    issuer="",
    method="client_secret_basic",
    secrets=1,
    secret_names=("secret 1 of 1 (env:CRM_SECRET)",),
    asked_scope=("a", "b"),
    looks=(),
    attempts=(ATTEMPT,),
    token=None,
    problem="the authorization server answered 401 invalid_client",
    description="no such client",
    advice="check client_id",
    oddities=(),
    tried=(),
    remedy="",
    deviations=(Deviation("401 without WWW-Authenticate", "it requires a challenge"),),
    objections=(),
)
GRANTED = replace(
    REFUSED,
    attempts=(replace(ATTEMPT, status=200, secret=2),),
    secrets=2,
    token=TOKEN,
    problem="",
    description="",
    advice="",
    deviations=(),
)


def test_a_refusal_is_told_with_what_to_do():
    assert render_text(REFUSED).splitlines() == [
        "client crm (client_secret_basic)",
        "POST https://a.test/token",
        "  > Authorization: Basic ••••",
        "status 401 after 12 ms",
        "  < date: now",
        "no token: the authorization server answered 401 invalid_client",
        "  the server says: no such client",
        "  hint: check client_id",
        "deviation: 401 without WWW-Authenticate",
        "  hint: it requires a challenge",
    ]


def test_a_remedy_takes_the_place_of_the_advice():
    tried = ("legacy_unencoded: true", "token_endpoint_auth_method: client_secret_post")
    told = render_text(replace(REFUSED, tried=tried, remedy=tried[1])).splitlines()
    assert "  tried legacy_unencoded: true: also refused" in told
    assert (
        "  tried token_endpoint_auth_method: client_secret_post: accepted; write this in gateway.yaml" in told
    )
    assert "  hint: check client_id" not in told


def test_what_is_odd_about_the_secret_comes_before_the_advice():
    odd = "client_secret ends with white space (8 characters in all)"
    told = render_text(replace(REFUSED, oddities=(odd,))).splitlines()
    assert told[told.index(f"  hint: {odd}") + 1] == "  hint: check client_id"


def test_a_failure_names_the_key_to_look_at_unless_something_was_found_that_works():
    failing = replace(REFUSED, cause="unknown_authority", key="clients.crm.tls.ca")
    assert "  look at: clients.crm.tls.ca (unknown_authority)" in render_text(failing).splitlines()
    assert (as_object(failing)["cause"], as_object(failing)["key"]) == (
        "unknown_authority",
        "clients.crm.tls.ca",
    )
    assert "look at" not in render_text(replace(failing, tried=("a: b",), remedy="a: b"))


def test_a_token_is_told_with_the_secret_that_worked():
    assert render_text(GRANTED).splitlines()[1:] == [
        "  secret 1 of 1 (env:CRM_SECRET)",
        "POST https://a.test/token (secret 2 of 2)",
        "  > Authorization: Basic ••••",
        "status 200 after 12 ms",
        "  < date: now",
        "token ab12cd34: a JWT, 40 characters",
        "  lifetime: 300 s (as stated)",
        "  scope: a (requested: a b)",
        "  claim sub: me",
    ]


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ({"claims": None}, "token ab12cd34: opaque, 40 characters"),
        ({"is_bound": True}, "token ab12cd34: a JWT, 40 characters, bound to our key"),
        (
            {"is_lifetime_stated": False},
            "  lifetime: 300 s (default_lifetime: the response states none)",
        ),
        ({"scope": ()}, "  scope: none (requested: a b)"),
    ],
)
def test_each_shape_of_a_token_has_words(members: dict[str, object], line: str):
    assert line in render_text(replace(GRANTED, token=replace(TOKEN, **members))).splitlines()


@pytest.mark.parametrize(
    ("look", "lines"),
    [
        (LookShape("https://a.test/x", 200, "", ""), ["GET https://a.test/x: status 200"]),
        (LookShape("https://a.test/x", 404, "none", ""), ["GET https://a.test/x: status 404, none"]),
        (LookShape("https://a.test/x", None, "down", ""), ["GET https://a.test/x: no response, down"]),
        (
            LookShape("https://a.test/x", 200, "another issuer", "https://b.test"),
            [
                "GET https://a.test/x: status 200, another issuer",
                "  it names another issuer: https://b.test",
                "  hint: if that is the right one, write issuer: https://b.test",
            ],
        ),
    ],
)
def test_each_place_that_was_looked_at_is_told(look: LookShape, lines: list[str]):
    assert render_text(replace(REFUSED, looks=(look,))).splitlines()[1 : 1 + len(lines)] == lines


def test_what_the_metadata_objects_to_is_told():
    assert "metadata: it has none" in render_text(replace(REFUSED, objections=("it has none",)))


def test_where_nothing_was_sent_no_attempt_is_told():
    made = replace(REFUSED, attempts=())
    assert "POST" not in render_text(made)
    shown = as_object(made)
    assert (shown["token_endpoint"], shown["status"], shown["secret"], shown["attempts"]) == (
        None,
        None,
        None,
        [],
    )


def test_an_attempt_without_an_answer_says_so():
    made = replace(REFUSED, attempts=(replace(ATTEMPT, status=None),))
    assert "no response after 12 ms" in render_text(made).splitlines()


def test_a_program_reads_what_a_person_reads():
    shown = json.loads(render_json(GRANTED))
    assert shown["attempts"] == [
        {
            "url": "https://a.test/token",
            "method": "POST",
            "step": 1,
            "steps": 1,
            "secret": 2,
            "sent": [["Authorization", "Basic ••••"]],
            "status": 200,
            "received": {"date": "now"},
            "took_s": 0.012,
            "not_found": [],
        }
    ]
    assert shown["token"] == {
        "fingerprint": "ab12cd34",
        "characters": 40,
        "is_bound": False,
        "lifetime_s": 300.0,
        "is_lifetime_stated": True,
        "asked_scope": ["a", "b"],
        "granted_scope": ["a"],
        "claims": {"sub": "me"},
    }
    assert (shown["status"], shown["secret"], shown["secrets"], shown["problem"]) == (200, 2, 2, "")


def test_the_secret_that_worked_is_said_only_where_one_did():
    assert as_object(REFUSED)["secret"] is None


@pytest.mark.parametrize("made", [REFUSED, GRANTED])
def test_every_member_of_a_report_reaches_the_program(made: Report):
    """A member that is added must be shown, or be named here."""
    renamed = {
        "method": "token_endpoint_auth_method",
        "looks": "discovery",
        "description": "error_description",
        "objections": "metadata_objections",
        "oddities": "secret_oddities",
        "asked_scope": "token",
    }
    names = {renamed.get(member.name, member.name) for member in fields(Report)}
    assert names <= as_object(made).keys()


@given(st.text(), st.text())
def test_json_is_ascii_and_on_lines_of_its_own(problem: str, description: str):
    told = render_json(replace(REFUSED, problem=problem, description=description))
    assert told.isascii()
    assert json.loads(told)["problem"] == problem
