"""What the admin pages show of clients and routes."""

from dataclasses import fields, replace

import pytest

from gateway.admin.state import client_state, missing_token, route_state
from gateway.admin.view import MissingToken
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.source_state import RequestCounts, SourceState, TokenState
from gateway.core.secret import MASK, Secret
from gateway.core.settings.carriers import InCookie, InHeader
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.forward_proxy import ForwardProxy
from gateway.core.settings.instances import InstancePattern, InstanceSettings
from gateway.core.settings.refusal_sign import RefusalSign
from gateway.core.settings.rewrite_settings import CookieDomain, RewriteSettings
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.core.samples import GRANT, UPSTREAM, route

TOKEN = TokenState("ab12cd34", 3, 10.04, 289.96, ("a",))
FACTS = ClientFacts(
    "https://login.test/token",
    1,
    1,
    (),
    issuer="https://login.test",
    method="client_secret_basic",
    asked_scope=("a", "b"),
)
STATE = SourceState(
    client=ClientName("crm"),
    has_had_token=True,
    is_in_flight=False,
    token=TOKEN,
    requests=RequestCounts(granted=3, slow=1),
    last_error="",
    last_code="",
    last_reason="",
    retry_in_s=0.0,
    facts=FACTS,
)
FAILING = replace(
    STATE,
    has_had_token=False,
    token=None,
    last_error="token_refused",
    last_code="invalid_client",
    last_reason="the authorization server answered 401 invalid_client",
    retry_in_s=9.96,
)


def test_a_client_with_a_token_is_shown_whole():
    assert client_state(STATE) == {
        "client": "crm",
        "issuer": "https://login.test",
        "token_endpoint": "https://login.test/token",
        "token_endpoint_auth_method": "client_secret_basic",
        "secret": 1,
        "secrets": 1,
        "secret_in_use": None,
        "secret_sources": [],
        "metadata_objections": [],
        "scope": "a b",
        "required": True,
        "is_ready": True,
        "has_token": True,
        "is_requesting": False,
        "token_requests": {
            "granted": 3,
            "refused": 0,
            "invalid": 0,
            "unreachable": 0,
            "slow": 1,
            "unsent": 0,
        },
        "last_error": None,
        "last_error_code": None,
        "last_reason": None,
        "last_side": None,
        "last_cause": None,
        "last_key": None,
        "retry_in_s": 0.0,
        "file_troubles": [],
        "token": {
            "fingerprint": "ab12cd34",
            "serial": 3,
            "age_s": 10.0,
            "expires_in_s": 290.0,
            "scope": "a",
            "missing_scope": "b",
            "is_bound": False,
            "is_suspect": False,
        },
    }


def test_a_client_without_a_token_is_shown_with_what_is_wrong():
    shown = client_state(FAILING)
    assert shown["token"] is None
    assert (shown["last_error"], shown["last_error_code"]) == ("token_refused", "invalid_client")
    assert (shown["last_reason"], shown["retry_in_s"]) == (FAILING.last_reason, 10.0)


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("", None),
        ("https://login.test/token?key=hunter2", f"https://login.test/token?{MASK}"),
        ("https://user:hunter2@login.test/", "https://login.test/"),
    ],
)
def test_the_endpoint_is_shown_without_what_may_be_secret_in_it(endpoint: str, shown: str | None):
    assert (
        client_state(replace(STATE, facts=replace(FACTS, token_endpoint=endpoint)))["token_endpoint"] == shown
    )


def test_the_secret_that_works_and_what_the_metadata_objects_to_are_shown():
    shown = client_state(replace(STATE, facts=ClientFacts("", 2, 3, ("it has none",))))
    assert (shown["secret"], shown["secrets"], shown["metadata_objections"]) == (2, 3, ["it has none"])


def test_the_secret_in_use_is_named():
    names = (SecretName(1, 2, "file:/run/new", 1e9), SecretName(2, 2, "env:OLD"))
    shown = client_state(replace(STATE, facts=ClientFacts("", 1, 2, (), names[0], names)))
    new = {"number": 1, "source": "file:/run/new", "as_of": "2001-09-09T01:46:40Z"}
    assert shown["secret_in_use"] == new
    assert shown["secret_sources"] == [new, {"number": 2, "source": "env:OLD", "as_of": None}]


def test_a_bound_token_is_shown_as_one():
    assert client_state(replace(STATE, token=replace(TOKEN, is_bound=True)))["token"]["is_bound"] is True


def test_a_scope_of_a_thousand_words_is_cut_with_their_number():
    token = replace(TOKEN, granted_scope=("w",) * 1000)
    shown = client_state(replace(STATE, token=token))["token"]
    assert shown["scope"] == "w " * 99 + "w (and 900 more)"


def test_a_token_that_was_refused_is_shown_as_suspect():
    assert client_state(replace(STATE, token=replace(TOKEN, is_suspect=True)))["token"]["is_suspect"] is True


@pytest.mark.parametrize(
    ("kind", "shown"),
    [(TokenState, client_state(STATE)["token"]), (ClientFacts, client_state(STATE))],
)
def test_every_member_is_shown(kind: type, shown: dict[str, object]):
    """A member that is added must be shown, or be named here."""
    renamed = {"granted_scope": "scope", "objections": "metadata_objections"} | {
        "accepted": "secret_in_use",
        "names": "secret_sources",
        "method": "token_endpoint_auth_method",
        "asked_scope": "scope",
    }
    assert {renamed.get(member.name, member.name) for member in fields(kind)} <= shown.keys()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (FAILING, MissingToken(ClientName("crm"), "token_refused", 10.0)),
        (replace(FAILING, is_in_flight=True), MissingToken(ClientName("crm"), "token_refused", None)),
        (replace(FAILING, last_error="", retry_in_s=0.0), MissingToken(ClientName("crm"), None, None)),
        (
            replace(FAILING, is_required=False),
            MissingToken(ClientName("crm"), "token_refused", 10.0, is_required=False),
        ),
    ],
)
def test_why_a_client_has_had_no_token_is_said(state: SourceState, expected: MissingToken):
    assert missing_token(state) == expected


def test_a_route_is_shown_with_its_grant():
    shown = route_state(
        route("/crm", grant=replace(GRANT, scope=("a", "b")), methods=frozenset({"PUT", "GET"}))
    )
    assert (shown["route"], shown["client"], shown["scope"]) == ("/crm", "crm", "a b")
    assert (shown["methods"], shown["upstream"]) == (["GET", "PUT"], "https://api.example.com")


@pytest.mark.parametrize(
    ("upstream", "where"),
    [
        (UPSTREAM, "https://api.example.com/v1"),
        (UpstreamSettings(Scheme.HTTP, "::1", 8080), "http://[::1]:8080/v1"),
        (UpstreamSettings(Scheme.UNIX, "localhost", 80, "/run/a.sock"), "unix:/run/a.sock/v1"),
    ],
)
def test_a_route_is_shown_with_its_upstream(upstream: UpstreamSettings, where: str):
    shown = route_state(RouteSettings(RouteName("/"), "/", upstream, base_path="/v1"))
    assert (shown["upstream"], shown["client"], shown["scope"], shown["methods"]) == (where, None, None, None)


def test_nothing_of_a_grant_that_may_be_secret_is_shown():
    grant = replace(GRANT, headers=(("X-Key", "hunter2"),), parameters=(("pin", "hunter2"),))
    assert "hunter2" not in str(route_state(route("/", grant=grant)))


def test_a_route_says_what_it_rewrites_and_through_which_proxy_it_leads_but_not_the_password():
    usual = route_state(route("/"))
    rewrite = RewriteSettings(location=False, cookie_path=True, cookie_domain=CookieDomain.REMOVE)
    proxy = ForwardProxy("::1", 3128, Secret("me:hunter2"))
    odd = route_state(route("/", rewrite=rewrite, upstream=replace(UPSTREAM, proxy=proxy)))
    assert "proxy" not in usual
    assert usual["rewrite"] == {"location": True, "cookie_path": False, "cookie_domain": "keep"}
    assert odd["rewrite"] == {"location": False, "cookie_path": True, "cookie_domain": "remove"}
    assert odd["proxy"] == "[::1]:3128"
    assert "hunter2" not in str(odd)


def test_a_route_says_where_its_credential_goes_and_what_it_names_if_that_is_not_usual():
    usual = route_state(route("/"))
    odd = route_state(
        route(
            "/",
            send=(InCookie("S"), InHeader("X-CSRF", part="csrf")),
            instances=InstanceSettings("at", (InstancePattern("*.a.test"),)),
            recover_on=frozenset({440}),
            refusal_signs=(RefusalSign(302, "/login"),),
        )
    )
    assert not {"send", "instances"} & usual.keys()
    assert odd["send"] == ["the cookie S", "the header field X-CSRF"]
    assert odd["instances"] == ["https://*.a.test"]
    assert odd["recover_on"] == [440, "302 to /login"]
