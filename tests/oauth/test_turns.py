"""Grants of one client: one refused attempt counts for all, and one success lets all go.

A naive stage would have one source, and could not show what eight of them do to an account that is locked after
five refused attempts.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from gateway.core.errors import TokenRefused, TokenUnavailable
from gateway.core.oauth.standing import KNOWN_FOR_S
from gateway.core.oauth.token_outcome import Failed, FailureKind, Outcome
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName, ClientSettings
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.settings.upstream_settings import UpstreamSettings as Upstream
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from gateway.oauth.store import Sources
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import Recorded, authorization_server, http, http_json
from tests.oauth.fakes import (
    DOWN,
    KEY,
    Events,
    ScriptedEndpoint,
    Wall,
    client_settings,
    let_live,
    loop_clock,
)
from tests.oauth.test_endpoint_secrets import secret_of
from tests.oauth.virtual_time import in_virtual_time

WRONG = Failed(FailureKind.REFUSED, "it answered 401 invalid_client", "invalid_client", status=401)
NO_SCOPE = Failed(FailureKind.REFUSED, "it answered 400 invalid_scope", "invalid_scope", status=400)
SICK = Failed(FailureKind.UNREACHABLE, "it answered 503", status=503)
SCOPES = "abcdefgh"


class Endpoint(ScriptedEndpoint):
    """Remembers which scope asked, and may fail for one of them only."""

    def __init__(self) -> None:
        super().__init__(takes_s=0.05)
        self.asked: list[str] = []
        self.failures: dict[str, Failed] = {}

    async def fetch(self, client: ClientSettings) -> Outcome:
        [scope] = client.grant.scope
        self.asked.append(scope)
        outcome = await super().fetch(client)
        return self.failures.get(scope, outcome)


@dataclass
class Stage:
    endpoint: Endpoint
    events: Events
    sources: dict[str, GrantSource] = field(default_factory=dict)

    def start(self) -> None:
        for source in self.sources.values():
            source.start()

    async def ask(self, *scopes: str) -> list[object]:
        at_s = asyncio.get_running_loop().time() + 60.0
        asking = (self.sources[scope].token(at_s) for scope in scopes or SCOPES)
        return await asyncio.gather(*asking, return_exceptions=True)

    def asked(self) -> str:
        asked, self.endpoint.asked = "".join(self.endpoint.asked), []
        return asked


@asynccontextmanager
async def stage(*, jitter: float = 0.0, names: dict[str, str] | None = None):
    endpoint, events = Endpoint(), Events()
    around = Surroundings(replace(loop_clock(jitter), wall_s=Wall()), events, KEY)
    made = Stage(endpoint, events)
    for scope in SCOPES:
        grant = replace(client_settings().grant, scope=(scope,))
        grant = replace(grant, client=ClientName((names or {}).get(scope, "crm")))
        client = replace(client_settings(), grant=grant)
        made.sources[scope] = GrantSource(GrantMaker(endpoint, client), around, let_live)
    try:
        yield made
    finally:
        await asyncio.gather(*(source.close() for source in made.sources.values()))


# ── refused ───────────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_eight_grants_of_a_refused_client_make_one_attempt():
    async with stage() as at:
        at.endpoint.failure = WRONG
        at.start()
        await asyncio.sleep(9.9)
        assert at.asked() == "a"
        assert len(at.events.failed) == 1, "and it is told once"


@in_virtual_time
async def test_all_share_the_refusal_and_its_pause():
    async with stage() as at:
        at.endpoint.failure = WRONG
        errors = await at.ask()
        assert {type(error) for error in errors} == {TokenRefused}
        assert {error.retry_after_s for error in errors[1:]} == {10}
        assert {source.state().last_code for source in at.sources.values()} == {"invalid_client"}
        assert at.asked() == "a"
        await asyncio.sleep(5.0)
        assert {error.retry_after_s for error in (await at.ask())[1:]} == {5}
        assert at.asked() == ""


@in_virtual_time
async def test_after_the_pause_another_one_goes_first():
    """The first refusal may have been a matter of that grant alone."""
    async with stage() as at:
        at.endpoint.failures["a"] = WRONG
        at.start()
        await asyncio.sleep(14.0)
        asked = at.asked()
        assert asked[:2] == "ab"
        assert sorted(asked) == sorted("a" + SCOPES), "b was accepted, so all went; a once more"
        assert [scope for scope in SCOPES if not at.sources[scope].has_had_token] == ["a"]


@in_virtual_time
async def test_one_grants_own_refusals_stop_no_other_ever_again():
    async with stage() as at:
        at.endpoint.failures["a"] = WRONG
        at.start()
        for _ in range(4 * 3600):
            await asyncio.sleep(1.0)
            answers = await at.ask(*SCOPES[1:]) if at.sources["b"].has_had_token else []
            assert not [answer for answer in answers if isinstance(answer, Exception)]


@in_virtual_time
async def test_over_an_hour_eight_refused_grants_ask_about_as_often_as_one():
    async with stage(jitter=0.5) as at:
        at.endpoint.failure = WRONG
        at.start()
        await asyncio.sleep(3600.0)
        assert len(at.asked()) <= 40
        assert at.endpoint.most_at_once == 1


@in_virtual_time
async def test_a_success_lets_the_others_go_at_once():
    async with stage() as at:
        at.start()
        await asyncio.sleep(0.06)
        assert at.asked() == SCOPES, "a alone, then seven together"
        assert at.endpoint.most_at_once == 7
        await asyncio.sleep(0.05)
        assert all(source.has_had_token for source in at.sources.values())


@in_virtual_time
async def test_a_repair_at_the_server_ends_all_pauses():
    async with stage(jitter=0.99) as at:
        at.endpoint.failure = WRONG
        at.start()
        await asyncio.sleep(400.0)
        at.endpoint.failure = None
        await asyncio.sleep(300.0 + 2.0)
        assert all(source.has_had_token for source in at.sources.values())


@in_virtual_time
async def test_a_repaired_secret_is_tried_by_one_and_then_taken_by_all():
    async with stage(jitter=0.99) as at:
        at.endpoint.failure = WRONG
        at.start()
        await asyncio.sleep(5.0)
        at.asked()
        at.endpoint.failure, at.endpoint.proof = None, "repaired"
        at.endpoint.most_at_once = 0
        await asyncio.sleep(1.2)
        assert sorted(at.asked()) == list(SCOPES)
        assert all(source.has_had_token for source in at.sources.values())


@in_virtual_time
async def test_a_secret_replaced_by_another_wrong_one_costs_one_attempt():
    async with stage(jitter=0.99) as at:
        at.endpoint.failure = WRONG
        at.start()
        await asyncio.sleep(5.0)
        at.asked()
        at.endpoint.proof = "as wrong"
        await asyncio.sleep(3.0)
        assert len(at.asked()) == 1


@in_virtual_time
async def test_what_was_accepted_long_ago_is_tried_by_one_first():
    """The secret was replaced at the server overnight, and in the morning all come at once."""
    async with stage() as at:
        at.start()
        await asyncio.sleep(3600.0 + KNOWN_FOR_S)
        at.asked()
        at.endpoint.failure = WRONG
        assert {type(error) for error in await at.ask()} == {TokenRefused}
        assert len(at.asked()) == 1


@in_virtual_time
async def test_clients_of_several_names_that_prove_the_same_share_a_turn():
    async with stage(names=dict(zip(SCOPES, SCOPES, strict=True))) as at:
        at.endpoint.failure = WRONG
        at.start()
        await asyncio.sleep(5.0)
        assert at.asked() == "a"


# ── other failures ────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_refused_scope_is_nobody_elses_matter():
    async with stage() as at:
        at.endpoint.failures["a"] = NO_SCOPE
        at.start()
        await asyncio.sleep(1.0)
        assert at.asked() == SCOPES
        assert [scope for scope in SCOPES if not at.sources[scope].has_had_token] == ["a"]


@in_virtual_time
async def test_who_waits_shares_that_the_server_is_out_of_reach():
    async with stage() as at:
        at.endpoint.failure = DOWN
        errors = await at.ask()
        assert {type(error) for error in errors} == {TokenUnavailable}
        assert at.asked() == "a"
        at.endpoint.failure = None
        await asyncio.sleep(3.0)
        assert all(source.has_had_token for source in at.sources.values())


@in_virtual_time
async def test_a_server_that_is_sick_for_one_grant_only_gives_the_others_their_tokens():
    async with stage(jitter=0.5) as at:
        at.endpoint.failures["a"] = SICK
        at.start()
        await asyncio.sleep(30.0)
        assert [scope for scope in SCOPES if not at.sources[scope].has_had_token] == ["a"]


@in_virtual_time
async def test_who_waits_its_turn_can_be_closed_and_the_next_goes_on():
    async with stage() as at:
        at.endpoint.gate.clear()
        at.start()
        await asyncio.sleep(0.01)
        await at.sources["b"].close()
        await at.sources["a"].close()
        at.endpoint.gate.set()
        await asyncio.sleep(1.0)
        assert all(at.sources[scope].has_had_token for scope in SCOPES[2:])


# ── over real sockets ─────────────────────────────────────────────────────────────────────────────


def routes_of(client: ClientSettings) -> Settings:
    upstream = Upstream(Scheme.HTTP, "127.0.0.1", 1)
    routes = tuple(
        RouteSettings(RouteName(scope), f"/{scope}", upstream, grant=replace(client.grant, scope=(scope,)))
        for scope in SCOPES
    )
    return Settings((), None, {client.name: client}, routes)


class Bouncer:
    """Locks the account after five refused attempts in a row, as real servers do."""

    def __init__(self, good: str, granted) -> None:
        self.good = good
        self.granted = granted
        self.refused = self.most_refused = 0

    def __call__(self, request: Recorded) -> bytes:
        if secret_of(request) == self.good and self.refused < 5:
            self.refused = 0
            return self.granted()
        self.refused += 1
        return http_json(401, {"error": "invalid_client"}, WWW_Authenticate="Basic")


@pytest.mark.parametrize("secrets", [("wrong",), ("wrong", "wrong too")])
async def test_a_start_with_wrong_secrets_locks_no_account(secrets: tuple[str, ...]):
    async with authorization_server() as server:
        bouncer = Bouncer("good", server.granted)
        server.reply = bouncer
        client = replace(
            client_settings(f"{server.origin}/token"),
            credentials=tuple(lambda text=text: Secret(text) for text in secrets),
        )
        sources = Sources(routes_of(client), Surroundings(loop_clock(), Events(), KEY), Trust())
        sources.start()
        async with asyncio.timeout(10):
            while not all(state.last_error for state in sources.states()):
                await asyncio.sleep(0.01)
        await sources.close()
    assert bouncer.refused == len(server.posts) == len(secrets)


async def test_a_start_with_the_second_of_two_secrets_makes_one_wrong_attempt():
    async with authorization_server() as server:
        bouncer = Bouncer("new", server.granted)
        tried: list[str] = []
        server.reply = lambda request: (tried.append(secret_of(request)), bouncer(request))[1]
        client = replace(
            client_settings(f"{server.origin}/token"),
            credentials=(lambda: Secret("old"), lambda: Secret("new")),
        )
        sources = Sources(routes_of(client), Surroundings(loop_clock(), Events(), KEY), Trust())
        sources.start()
        async with asyncio.timeout(10):
            while not sources.is_ready():
                await asyncio.sleep(0.01)
        await sources.close()
    assert tried.count("old") == 1
    assert tried.count("new") == len(SCOPES)


async def test_an_empty_403_is_shared_as_well():
    async with authorization_server() as server:
        server.reply = lambda _: http(403)
        client = client_settings(f"{server.origin}/token")
        sources = Sources(routes_of(client), Surroundings(loop_clock(), Events(), KEY), Trust())
        sources.start()
        async with asyncio.timeout(10):
            while not all(state.last_error for state in sources.states()):
                await asyncio.sleep(0.01)
        await sources.close()
    assert len(server.posts) == 1
