"""One source per grant: equal grants share, different ones never do."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import AuthMethod, ClientName, Grant, GrantType, TlsFiles
from gateway.core.settings.login_settings import (
    LoginPace,
    LoginSettings,
    LoginStep,
    LoginSuccess,
    StatedLife,
    StepRequest,
)
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.shape_settings import (
    AnswerShape,
    BodyFormat,
    OwnField,
    RequestMethod,
    RequestShape,
)
from gateway.core.settings.signing_settings import (
    AssertionSettings,
    CertificateHeader,
    DpopSettings,
    JsonClaim,
    SigningAlgorithm,
)
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.settings.upstream_settings import UpstreamSettings as Upstream
from gateway.core.settings.whereabouts import FromBody, FromCookie, FromField, FromForm, FromLine, LifeUnit
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from gateway.oauth.store import Sources, needed_clients
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import authorization_server
from tests.oauth.fakes import CRM, KEY, Events, client_settings, loop_clock

WORDS = st.lists(st.text(max_size=3), max_size=2).map(tuple)
PAIRS = st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=2).map(tuple)
SHORT = st.text(max_size=2)
ALGORITHMS = st.none() | st.sampled_from(SigningAlgorithm)
OF_ASSERTIONS = {
    "audience": st.none() | SHORT,
    "algorithm": ALGORITHMS,
    "key_id": st.none() | SHORT,
    "lifetime_s": st.sampled_from([30.0, 60.0]),
    "certificate": st.none() | SHORT,
    "subject": st.none() | SHORT,
    "claims": PAIRS | st.sampled_from([(("a", JsonClaim(text)),) for text in ("1", "true", "[1]")]),
    "certificate_headers": st.lists(st.sampled_from(CertificateHeader)).map(tuple),
}
OF_DPOP = {"algorithm": ALGORITHMS, "allows_bearer": st.booleans()}
OF_FILES = {"certificate": SHORT, "key": SHORT}
ASSERTIONS = st.builds(AssertionSettings, **OF_ASSERTIONS)
DPOP = st.builds(DpopSettings, **OF_DPOP)
FILES = st.builds(TlsFiles, **OF_FILES)
PICKS = st.none() | st.sampled_from(
    [FromBody(), FromCookie("a"), FromField("a"), FromForm("a"), FromLine("a")]
)
LIVES = st.none() | st.floats(1.0, 9.0) | st.builds(StatedLife, pick=PICKS, unit=st.sampled_from(LifeUnit))
OF_REQUESTS = {
    "method": st.sampled_from(RequestMethod),
    "format": st.sampled_from(BodyFormat),
    "query": PAIRS,
    "names": st.lists(st.tuples(st.sampled_from(OwnField), SHORT), max_size=2).map(tuple),
    "omitted": st.frozensets(st.sampled_from(OwnField)),
}
OF_ANSWERS = {
    "token": PICKS,
    "lifetime": LIVES,
    "token_type": PICKS,
    "scope": PICKS,
    "success": st.none() | st.builds(LoginSuccess, statuses=st.none() | st.just(frozenset({200}))),
    "takes": st.lists(st.tuples(SHORT, PICKS), max_size=2).map(tuple),
}
STEP = LoginStep(StepRequest("GET", "http://a/login"))
OF_LOGINS = {
    "steps": st.sampled_from(
        [(STEP,), (STEP, STEP), (replace(STEP, request=StepRequest("POST", "http://a/login")),)]
    ),
    "lifetime": st.none() | st.sampled_from([60.0, StatedLife(FromBody(), LifeUnit.SECONDS)]),
    "logout": st.none() | st.sampled_from([STEP.request, StepRequest("POST", "http://a/logout")]),
    "is_rolling": st.booleans(),
    "pace": st.none() | st.sampled_from([LoginPace(1, 60.0), LoginPace(2, 60.0)]),
}
LOGINS = st.builds(LoginSettings, **OF_LOGINS)
OF_GRANTS = {
    "client": st.sampled_from([ClientName("crm"), ClientName("erp")]),
    "token_endpoint": st.none() | st.sampled_from(["http://a/token", "http://a/token/"]),
    "client_id": st.text(max_size=3),
    "method": st.sampled_from(AuthMethod),
    "scope": WORDS,
    "audience": WORDS,
    "resource": WORDS,
    "parameters": PAIRS,
    "legacy_unencoded": st.booleans(),
    "assertion": st.none() | ASSERTIONS,
    "assertion_type": st.sampled_from(["", JWT_BEARER, "urn:example:other"]),
    "certificate": st.none() | FILES,
    "grant_type": st.sampled_from(GrantType),
    "issuer": st.none() | st.sampled_from(["http://a", "http://a/"]),
    "headers": PAIRS,
    "dpop": st.none() | DPOP,
    "takes_any_type": st.booleans(),
    "request": st.builds(RequestShape, **OF_REQUESTS),
    "answer": st.none() | st.builds(AnswerShape, **OF_ANSWERS),
    "login": st.none() | LOGINS,
}
GRANTS = st.builds(Grant, **OF_GRANTS)


@pytest.mark.parametrize(
    ("kind", "drawn"),
    [
        (Grant, OF_GRANTS),
        (AssertionSettings, OF_ASSERTIONS),
        (DpopSettings, OF_DPOP),
        (TlsFiles, OF_FILES),
        (RequestShape, OF_REQUESTS),
        (AnswerShape, OF_ANSWERS),
        (LoginSettings, OF_LOGINS),
    ],
)
def test_every_setting_is_drawn_below(kind: type, drawn: dict[str, object]):
    """Whoever adds one says here what it may be, or nothing would show that it parts two grants."""
    assert {member.name for member in fields(kind)} == drawn.keys()
    assert all(member.compare for member in fields(kind))


def settings_for(*grants: Grant | None, endpoint: str = "http://127.0.0.1:1/token") -> Settings:
    upstream = Upstream(Scheme.HTTP, "127.0.0.1", 1)
    routes = tuple(
        RouteSettings(RouteName(f"r{n}"), f"/{n}", upstream, grant=grant) for n, grant in enumerate(grants)
    )
    client = client_settings(endpoint)
    names = {CRM, *(grant.client for grant in grants if grant is not None)}
    return Settings((), None, dict.fromkeys(names, client), routes)


@given(GRANTS, GRANTS)
def test_two_grants_share_a_source_if_and_only_if_nothing_differs(one: Grant, other: Grant):
    differs = any(getattr(one, name.name) != getattr(other, name.name) for name in fields(Grant))
    assert len(needed_clients(settings_for(one, other))) == 1 + differs


@given(GRANTS, st.data())
def test_one_changed_setting_is_enough_to_part_two_grants(grant: Grant, data: st.DataObject):
    name = data.draw(st.sampled_from([member.name for member in fields(Grant)]))
    changed = replace(grant, **{name: data.draw(OF_GRANTS[name])})
    expected = 1 if getattr(changed, name) == getattr(grant, name) else 2
    assert len(needed_clients(settings_for(grant, changed))) == expected


@pytest.mark.parametrize(
    ("name", "kind", "drawn"),
    [
        ("assertion", ASSERTIONS, OF_ASSERTIONS),
        ("dpop", DPOP, OF_DPOP),
        ("certificate", FILES, OF_FILES),
        ("login", LOGINS, OF_LOGINS),
    ],
)
@given(st.data())
def test_so_is_one_changed_setting_within_a_setting(name, kind, drawn, data: st.DataObject):
    one = data.draw(kind)
    member = data.draw(st.sampled_from(sorted(drawn)))
    other = replace(one, **{member: data.draw(drawn[member])})
    differs = getattr(one, member) != getattr(other, member)
    grants = [replace(client_settings().grant, **{name: made}) for made in (one, other)]
    assert len(needed_clients(settings_for(*grants))) == 1 + differs


def test_a_route_without_a_client_needs_no_source():
    assert needed_clients(settings_for(None)) == ()


def test_the_routes_grant_is_asked_for_with_its_clients_settings():
    narrowed = replace(client_settings().grant, scope=("orders.read",))
    [client] = needed_clients(settings_for(narrowed))
    assert client.grant == narrowed
    assert client.credentials


async def test_started_sources_become_ready_by_themselves():
    async with authorization_server() as server:
        url = f"http://127.0.0.1:{server.port}/token"
        whole = client_settings(url).grant
        narrowed = replace(whole, scope=("a",))
        events = Events()
        sources = Sources(
            settings_for(whole, narrowed, whole, endpoint=url),
            Surroundings(loop_clock(), events, KEY),
            Trust(),
        )
        assert not sources.is_ready()
        sources.start()
        deadline_s = loop_clock().now_s() + 10.0
        tokens = [await sources[grant].token(deadline_s) for grant in (whole, narrowed)]
        assert sources.is_ready()
        assert sorted(token.field_value for token in tokens) == [
            b"Bearer access_token_1",
            b"Bearer access_token_2",
        ]
        assert [state.facts.asked_scope for state in sources.states()] == [("a", "b"), ("a",)]
        await sources.close()
    assert sorted(request.body for request in server.requests) == [
        b"grant_type=client_credentials&scope=a",
        b"grant_type=client_credentials&scope=a%20b",
    ]


async def test_a_grant_that_no_route_needs_has_no_source():
    sources = Sources(settings_for(None), Surroundings(loop_clock(), Events(), KEY), Trust())
    with pytest.raises(KeyError):
        sources[client_settings().grant]
    assert sources.is_ready()
    await sources.close()


async def test_states_are_made_as_they_are_asked_for(monkeypatch):
    """However many grants there are, a page that shows them makes some at a time, and readiness none."""
    made = []
    state = GrantSource.state
    monkeypatch.setattr(GrantSource, "state", lambda source: made.append(source) or state(source))
    grants = [replace(client_settings().grant, scope=(f"{number}",)) for number in range(1000)]
    sources = Sources(settings_for(*grants), Surroundings(loop_clock(), Events(), KEY), Trust())

    assert next(sources.states()).facts.asked_scope == ("0",)
    assert next(sources.missing()).facts.asked_scope == ("0",)
    assert not sources.is_ready()
    assert len(made) == 2
    await sources.close()
