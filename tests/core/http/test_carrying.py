"""Requests and responses of routes whose credential goes elsewhere than into Authorization: Bearer."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import MalformedRequest, QueryNotAllowed, TokenAnswerInvalid
from gateway.core.http.carrying import CarryingPlan, outbound_plan
from gateway.core.http.outbound import OutboundPlan
from gateway.core.settings.carriers import USUAL, InCookie, InHeader, InQuery
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules
from tests.core.samples import STRANGER, head_of, route, token

KEEP, REPLACE = CallerAuthorization.KEEP, CallerAuthorization.REPLACE
OWN = "Authorization: Bearer mine"
FIELD = (InHeader("X-Auth-Token"),)
COOKIE = (InCookie("SESSION"),)
QUERY = (InQuery("access_token"),)
OAUTH = (InHeader("Authorization", "OAuth "),)


def out(head, send, *, held=True, authorization=KEEP, **members):
    plan = outbound_plan(route(send=send, authorization=authorization, **members))
    plan.admit(head)
    return b"\r\n".join(plan.head(head, STRANGER, token(1) if held else None, b"id")).split(b"\r\n")


def fields(lines, name):
    prefix = name.lower().encode() + b":"
    return [line[len(prefix) :].strip() for line in lines if line.lower().startswith(prefix)]


def test_only_such_a_route_pays_for_it():
    assert type(outbound_plan(route())) is OutboundPlan
    assert type(outbound_plan(route(send=USUAL))) is OutboundPlan
    assert type(outbound_plan(route(send=FIELD, grant=None))) is OutboundPlan
    assert type(outbound_plan(route(send=FIELD))) is CarryingPlan


# ── Authorization ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("send", "policy", "given_fields", "sent"),
    [
        (FIELD, KEEP, [OWN], [b"Bearer mine"]),
        (FIELD, KEEP, [], []),
        (FIELD, REPLACE, [OWN], []),
        (FIELD, KEEP, [OWN, "Connection: authorization"], []),
        (QUERY, KEEP, [OWN], [b"Bearer mine"]),
        (OAUTH, REPLACE, [OWN, OWN], [b"OAuth token_1"]),
        (OAUTH, KEEP, [OWN], [b"Bearer mine"]),
        (OAUTH, KEEP, [], [b"OAuth token_1"]),
        ((*USUAL, *COOKIE), REPLACE, [OWN], [b"Bearer token_1"]),
    ],
)
def test_which_authorization_goes_out(send, policy, given_fields, sent):
    plan = outbound_plan(route(send=send, authorization=policy))
    head = head_of(*given_fields)
    held = not (plan.may_keep and plan.keeps_callers(head))  # as the handler asks
    assert fields(out(head, send, held=held, authorization=policy), "Authorization") == sent


def test_the_credential_goes_beside_a_kept_authorization():
    assert fields(out(head_of(OWN), FIELD), "X-Auth-Token") == [b"token_1"]


def test_two_authorizations_never_pass():
    """Refused at once, before anything is asked for the request: a token, or a connection."""
    with pytest.raises(MalformedRequest):
        outbound_plan(route(send=FIELD, authorization=KEEP)).admit(head_of(OWN, OWN))


@pytest.mark.parametrize(
    ("send", "policy", "given_fields", "passes"),
    [
        (FIELD, KEEP, [OWN], True),
        (FIELD, KEEP, [], True),
        (FIELD, REPLACE, [OWN], False),
        (OAUTH, REPLACE, [], False),
        (OAUTH, REPLACE, [OWN], False),
    ],
)
def test_the_callers_proof_goes_where_the_callers_token_goes(send, policy, given_fields, passes):
    lines = out(head_of("DPoP: a.b.c", *given_fields), send, authorization=policy)
    assert bool(fields(lines, "DPoP")) is passes


# ── a header field ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["X-Auth-Token", "x-auth-token", "X_Auth_Token", "X.Auth-Token"])
def test_the_callers_field_of_that_name_is_stripped_in_every_spelling(name):
    lines = out(head_of(f"{name}: mine", "X-Auth: 1"), FIELD)
    assert fields(lines, "X-Auth-Token") == [b"token_1"]
    assert b"mine" not in b"".join(lines)
    assert fields(lines, "X-Auth") == [b"1"]


def test_connection_cannot_strip_it():
    assert fields(out(head_of("Connection: x-auth-token"), FIELD), "X-Auth-Token") == [b"token_1"]


def test_rules_of_the_route_apply_beside_it():
    rules = HeaderRules(set=(("X-Tenant", "acme"),), remove=("X-Foo",))
    lines = out(head_of("X-Foo: 1", "X-Tenant: mine"), FIELD, request_headers=rules)
    assert (fields(lines, "X-Tenant"), fields(lines, "X-Foo")) == ([b"acme"], [])


# ── a cookie ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given_fields", "sent"),
    [
        ([], [b"SESSION=token_1"]),
        (["Cookie: a=1; b"], [b"SESSION=token_1; a=1; b"]),
        (["Cookie: SESSION=mine"], [b"SESSION=token_1"]),
        (["Cookie: a=1; session=mine; b"], [b"SESSION=token_1; a=1; b"]),
        (["cookie: a", "COOKIE: SESSION=x", "Cookie: b"], [b"SESSION=token_1; a; b"]),
        (["Cookie: a", "Connection: cookie"], [b"SESSION=token_1"]),
    ],
)
def test_our_cookie_comes_first_and_is_the_only_one_of_its_name(given_fields, sent):
    assert fields(out(head_of(*given_fields), COOKIE), "Cookie") == sent


def test_a_rule_removes_the_callers_cookies_alone():
    lines = out(head_of("Cookie: a=1"), COOKIE, request_headers=HeaderRules(remove=("Cookie",)))
    assert fields(lines, "Cookie") == [b"SESSION=token_1"]


def test_where_the_callers_authorization_goes_out_instead_no_cookie_of_that_name_does():
    lines = out(head_of(OWN, "Cookie: a; SESSION=mine"), (*OAUTH, *COOKIE), held=False)
    assert fields(lines, "Cookie") == [b"a"]
    assert fields(out(head_of("Cookie: SESSION=mine"), (*OAUTH, *COOKIE), held=False), "Cookie") == []


# ── the query ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/a", b"/a?access_token=token_1"),
        ("/a?", b"/a?access_token=token_1"),
        ("/a?b=%2F&&c", b"/a?b=%2F&&c&access_token=token_1"),
        ("/a?b&", b"/a?b&access_token=token_1"),
        ("http://x/a?b", b"/a?b&access_token=token_1"),
    ],
)
def test_a_parameter_is_appended(target, sent):
    assert out(head_of(target=target), QUERY)[0] == b"GET " + sent + b" HTTP/1.1"


@pytest.mark.parametrize("target", ["/a?access_token=1", "/a?x;ACCESS%5FTOKEN", "*"])
def test_a_query_that_names_it_is_refused(target):
    with pytest.raises(QueryNotAllowed) as refusal:
        out(head_of(target=target, method="OPTIONS"), QUERY)
    assert "access_token" not in refusal.value.detail.lower()


# ── what cannot be sent ───────────────────────────────────────────────────────────────────────────


def test_a_credential_without_the_part_is_no_credential():
    with pytest.raises(TokenAnswerInvalid, match="client crm: the credential has no part csrf"):
        out(head_of(), (InHeader("X-CSRF-Token", part="csrf"),))


def test_a_credential_is_rendered_once():
    plan = outbound_plan(route(send=FIELD))
    first, second = token(1), token(2)
    made = [plan._made(each) for each in (first, first, second, second, first)]
    assert made[0] is made[1]
    assert made[2] is made[3]
    assert made[4].lines == made[0].lines == b"X-Auth-Token: token_1"


# ── responses ─────────────────────────────────────────────────────────────────────────────────────


def test_a_response_sets_no_cookie_of_ours_and_tells_nothing_of_the_query():
    plan = outbound_plan(route(send=(*COOKIE, *QUERY)))
    lines = [
        b"Set-Cookie: SESSION=new",
        b"set-cookie: other=1",
        b"Location: /x?access_token=token_1&a",
        b"X-A: token_1",
    ]
    assert plan.answer_lines(lines, token(1)) == [b"set-cookie: other=1", b"Location: /x?a", b"X-A: ****"]
    assert plan.answer_lines(lines, None)[1] == b"Location: /x?a"


# ── whatever comes ────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(
    ["X-Auth-Token", "x_auth_token", "Cookie", "cookie", "Authorization", "X-A", "Connection", "DPoP"]
)
VALUES = st.sampled_from(
    ["mine", "SESSION=mine", "a=1; SESSION=mine", "session=mine,b", "x-auth-token", "cookie", 'q="', "a; b"]
)
TARGETS = st.sampled_from(["/", "/a?", "/a?b=%2f&&", "/a?b=1;c=2", "/a?x=access_token"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), TARGETS)
def test_whatever_comes_exactly_one_credential_of_each_name_goes_out(pairs, target):
    head = head_of(*(f"{name}: {value}" for name, value in pairs), target=target)
    lines = out(head, (*FIELD, *COOKIE, *QUERY), authorization=REPLACE)
    whole = b"\r\n".join(lines)

    assert fields(lines, "X-Auth-Token") == [b"token_1"]
    assert fields(lines, "Authorization") == []
    cookies = b";".join(fields(lines, "Cookie")).replace(b",", b";").split(b";")
    assert [each for each in cookies if each.strip().lower().startswith(b"session=")] == [b"SESSION=token_1"]
    assert whole.count(b"access_token=token_1") == 1
    assert lines[0].startswith(f"GET {target}".encode())


VISIBLE = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?\\"), max_size=30
)


@given(VISIBLE, st.none() | VISIBLE)
def test_path_and_query_stay_as_they_are_byte_for_byte(path, query):
    target = f"/{path}" if query is None else f"/{path}?{query}"
    head = head_of(target=target)
    try:
        line = out(head, QUERY)[0]
    except QueryNotAllowed:
        assert "access" in unquote(unquote(query)).lower()
        return
    assert line.startswith(f"GET {target}".encode())
    rest = line.removeprefix(f"GET {target}".encode()).removesuffix(b" HTTP/1.1")
    assert rest.lstrip(b"?&") == b"access_token=token_1"
    assert len(rest) - len(b"access_token=token_1") == (not target.endswith(("?", "&")) or query is None)
