"""Token requests of one source: whether and when one may be sent, and what is told of it. On a virtual clock."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cause import Cause
from gateway.core.errors import TokenRefused, TokenTimeout, TokenUnavailable
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.bearer import Held
from gateway.core.oauth.named_secret import NamedReader
from gateway.core.oauth.source_state import RequestCounts
from gateway.core.oauth.standing import BEHIND_S
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientSettings, TlsFiles
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.requester import LOOK_AT_FILES_S, Surroundings, TokenRequester
from gateway.oauth.source import GrantSource
from gateway.system.text_file import TextFile
from tests.oauth.authorization_server import authorization_server, http, http_json
from tests.oauth.certificates import pair_in
from tests.oauth.fakes import (
    DOWN,
    KEY,
    REFUSED,
    Events,
    ScriptedEndpoint,
    client_settings,
    let_live,
    loop_clock,
    sent,
)
from tests.oauth.test_endpoint import client_at, token_endpoint, with_grant
from tests.oauth.virtual_time import in_virtual_time

SLOW = Failed(FailureKind.SLOW, "it did not answer in time")
NO_SCOPE = Failed(FailureKind.REFUSED, "it answered 400 invalid_scope", "invalid_scope", status=400)


@dataclass
class Stage:
    """Requesters of one process over one endpoint, and what became of the tokens that they let go."""

    endpoint: ScriptedEndpoint = field(default_factory=ScriptedEndpoint)
    events: Events = field(default_factory=Events)
    retired: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.around = Surroundings(loop_clock(), self.events, KEY)

    def requester(self, **grant: object) -> TokenRequester:
        client = with_grant(client_settings(), **grant)
        return TokenRequester(
            GrantMaker(self.endpoint, client),
            self.around,
            lambda _, token: self.retired.append(sent(token)),
        )

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()


def shown_certificate() -> dict[str, object]:
    return {"certificate": TlsFiles("c.pem", "k.pem")}


# ── when ──────────────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_two_requests_are_a_second_apart_however_quick_the_answers():
    at = Stage()
    requester = at.requester()
    for _ in range(3):
        await requester.request(Reason.EXPIRED)
    first, *others = at.endpoint.asked_at_s
    assert [round(asked_at_s - first, 6) for asked_at_s in others] == [1.0, 2.0]


@in_virtual_time
async def test_a_request_may_be_sent_from_the_very_end_of_a_pause_on():
    at = Stage()
    at.endpoint.failure = REFUSED
    requester = at.requester()
    assert requester.may_send(at.now_s)
    await requester.request(Reason.FIRST)
    ends_s = requester.rest.until_s
    assert [requester.may_send(ends_s + later_s) for later_s in (-0.001, 0.0)] == [False, True]
    assert [requester.rest_left_s(ends_s + later_s) for later_s in (-2.0, 0.0, 5.0)] == [2.0, 0.0, 0.0]


@in_virtual_time
async def test_a_token_ends_the_pauses_and_makes_the_next_one_short_again():
    at = Stage()
    requester, pauses_s = at.requester(), []
    for failure in (DOWN, DOWN, DOWN, None, DOWN):
        at.endpoint.failure = failure
        await asyncio.sleep(max(0.0, requester.rest_left_s(at.now_s)))
        await requester.request(Reason.FIRST)
        pauses_s.append(requester.rest_left_s(at.now_s))
    assert pauses_s[3] == 0.0
    assert pauses_s[4] == pauses_s[0] == 1.0
    assert requester.rest.failures == 1


# ── what callers are told ─────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_who_waited_for_a_slow_server_and_who_comes_later_are_told_different_things():
    at = Stage()
    at.endpoint.failure = SLOW
    requester = at.requester()
    assert requester.denial() is None
    failed = await requester.request(Reason.FIRST)
    assert isinstance(requester.error(failed), TokenTimeout)
    denial = requester.denial()
    assert isinstance(denial, TokenUnavailable)
    assert (denial.cause, denial.key) == (Cause.ANSWER_TIMEOUT, "clients.crm.timeout")
    await asyncio.sleep(requester.rest_left_s(at.now_s))
    assert requester.denial() is None


@in_virtual_time
async def test_the_pause_of_the_issuer_is_the_clients_too_and_does_not_grow_its_own():
    at = Stage()
    at.endpoint.failure = DOWN
    requester = at.requester(token_endpoint=None, issuer="https://login.example.com")
    at.endpoint.rest_of_issuer = Rest(7, DOWN, at.now_s + 40.0)
    await requester.request(Reason.FIRST)
    assert requester.rest_left_s(at.now_s) == pytest.approx(40.0, abs=0.1)
    at.endpoint.rest_of_issuer = Rest()
    assert requester.rest_left_s(at.now_s) == 0.0


# ── counted and observed ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", FailureKind)
def test_each_request_is_counted_by_its_outcome(kind: FailureKind):
    @in_virtual_time
    async def run() -> None:
        at = Stage()
        requester = at.requester()
        await requester.request(Reason.FIRST)
        at.endpoint.failure = Failed(kind, "it failed")
        await requester.request(Reason.EARLY)
        assert requester.counts() == replace(RequestCounts(granted=1), **{kind.value: 1})
        assert requester.granted == 1
        assert at.events.requested == [Reason.FIRST, Reason.EARLY]
        assert at.events.obtained == [(1, 3600.0)]
        [(_, retry_in_s)] = at.events.failed
        assert retry_in_s == requester.rest_left_s(at.now_s) > 0.0

    run()


@in_virtual_time
async def test_a_reduced_scope_is_told_when_it_changes_and_not_with_every_token():
    at = Stage()
    requester = at.requester(scope=("a", "b", "c"))
    for scope in (("a",), ("a",), ("a", "b", "c"), ("a", "b")):
        at.endpoint.scope = scope
        await requester.request(Reason.EXPIRED)
    assert at.events.reduced == [("b", "c"), ("c",)]


# ── among the grants of a client ──────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_another_grants_refusal_is_shared_and_neither_told_nor_counted_twice():
    at = Stage()
    at.endpoint.failure = REFUSED
    one, other = at.requester(scope=("a",)), at.requester(scope=("b",))
    outcomes = await asyncio.gather(one.request(Reason.FIRST), other.request(Reason.FIRST))
    assert outcomes == [REFUSED, REFUSED]
    assert at.endpoint.requests == len(at.events.failed) == 1
    assert (one.counts().refused, other.counts().refused) == (1, 0)
    assert isinstance(other.denial(), TokenRefused)


@in_virtual_time
async def test_who_was_refused_lets_the_other_grants_of_the_client_go_first():
    at = Stage()
    at.endpoint.failure = REFUSED
    one, other = at.requester(scope=("a",)), at.requester(scope=("b",))
    await one.request(Reason.FIRST)
    assert one.rest_left_s(at.now_s) == other.rest_left_s(at.now_s) + BEHIND_S


@in_virtual_time
async def test_a_grant_that_stands_alone_waits_behind_nobody():
    at = Stage()
    at.endpoint.failure = REFUSED
    requester = at.requester()
    await requester.request(Reason.FIRST)
    assert requester.rest_left_s(at.now_s) == 10.0


@pytest.mark.parametrize(("failure", "is_pardoned"), [(REFUSED, True), (NO_SCOPE, False)])
def test_another_grants_token_ends_the_pause_after_a_refusal_of_the_credentials_only(failure, is_pardoned):
    @in_virtual_time
    async def run() -> None:
        at = Stage()
        one, other = at.requester(scope=("a",)), at.requester(scope=("b",))
        at.endpoint.failure = failure
        await one.request(Reason.FIRST)
        await asyncio.sleep(other.rest_left_s(at.now_s))
        at.endpoint.failure = None
        assert one.rest_left_s(at.now_s) > 0.0
        await other.request(Reason.FIRST)
        assert (one.rest_left_s(at.now_s) == 0.0) == is_pardoned

    run()


@in_virtual_time
async def test_an_error_that_may_be_about_the_other_grant_is_shared_once_in_a_row():
    at = Stage()
    at.endpoint.failure = Failed(FailureKind.UNREACHABLE, "it answered 500", status=500)
    one, other = at.requester(scope=("a",)), at.requester(scope=("b",))
    asked = []
    for _ in range(4):
        await asyncio.gather(one.request(Reason.FIRST), other.request(Reason.FIRST))
        asked.append(at.endpoint.requests)
        await asyncio.sleep(100.0)
    assert asked == [1, 3, 4, 6], "shared, then asked for itself, and so on"


# ── certificates ──────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_token_whose_certificate_was_replaced_in_flight_is_followed_and_let_go():
    at = Stage()
    requester = at.requester(**shown_certificate())
    asking = asyncio.create_task(requester.request(Reason.FIRST))
    await asyncio.sleep(0.005)
    at.endpoint.certificate = "renewed"
    held = await asking
    assert isinstance(held, Held)
    assert sent(held.token) == "Bearer access_token_2"
    assert at.retired == ["Bearer access_token_1"]
    assert at.events.requested == [Reason.FIRST, Reason.REPLACED]
    assert not requester.is_certificate_replaced()


@in_virtual_time
async def test_a_certificate_that_is_replaced_twice_costs_two_more_tokens():
    at = Stage()
    requester = at.requester(**shown_certificate())
    asking = asyncio.create_task(requester.request(Reason.FIRST))
    for version, in_flight_s in (("second", 0.005), ("third", 1.0)):
        await asyncio.sleep(in_flight_s)
        at.endpoint.certificate = version
    held = await asking
    assert isinstance(held, Held)
    assert sent(held.token) == "Bearer access_token_3"
    assert at.retired == ["Bearer access_token_1", "Bearer access_token_2"]


@in_virtual_time
async def test_a_certificate_that_is_replaced_all_the_time_costs_a_request_a_second():
    at = Stage()
    requester = at.requester(**shown_certificate())

    async def replace_again_and_again() -> None:
        while True:
            at.endpoint.certificate = f"as of {at.now_s}"
            await asyncio.sleep(0.005)

    replacing = asyncio.create_task(replace_again_and_again())
    asking = asyncio.create_task(requester.request(Reason.FIRST))
    await asyncio.sleep(10.0)
    replacing.cancel()
    assert isinstance(await asking, Held)
    assert at.endpoint.requests <= 12
    await asyncio.gather(replacing, return_exceptions=True)


@in_virtual_time
async def test_an_expired_token_is_not_handed_over_to_be_revoked():
    at = Stage()
    requester = at.requester()
    held = await requester.request(Reason.FIRST)
    assert isinstance(held, Held)
    await asyncio.sleep(held.life.expires_at_s - at.now_s)
    requester.retire(held.token)
    requester.retire(None)
    assert at.retired == []


# ── files are looked at now and then, not for each caller ─────────────────────────────────────────


@given(st.lists(st.floats(0.0, 0.4), min_size=1, max_size=30))
def test_however_many_are_turned_away_credentials_are_looked_at_once_a_second(pauses_s: list[float]):
    @in_virtual_time
    async def run() -> None:
        at = Stage()
        at.endpoint.failure = replace(REFUSED, retry_after_s=None)
        requester = at.requester()
        await requester.request(Reason.FIRST)
        looks, began_s = at.endpoint.looks, at.now_s
        for pause_s in pauses_s:
            await asyncio.sleep(min(pause_s, max(0.0, began_s + 9.0 - at.now_s)))
            for _ in range(10):
                assert isinstance(requester.denial(), TokenRefused)
        assert at.endpoint.looks - looks <= 1 + (at.now_s - began_s) / LOOK_AT_FILES_S

    run()


@in_virtual_time
async def test_a_repair_is_seen_within_a_second_and_at_once_by_who_looks_again():
    at = Stage()
    at.endpoint.failure = REFUSED
    requester = at.requester()
    await requester.request(Reason.FIRST)
    assert requester.denial() is not None
    at.endpoint.proof = "repaired"
    await asyncio.sleep(LOOK_AT_FILES_S - 0.01)
    assert requester.rest_left_s(at.now_s) > 0.0
    await asyncio.sleep(0.01)
    assert requester.rest_left_s(at.now_s) == 0.0
    assert requester.denial() is None

    await requester.request(Reason.FIRST)
    assert requester.denial() is not None, "as bad as before"
    at.endpoint.proof = "repaired again"
    assert requester.rest_left_s(at.now_s) > 0.0
    requester.look_again()
    assert requester.rest_left_s(at.now_s) == 0.0


@in_virtual_time
async def test_where_the_server_asked_for_time_no_file_is_looked_at():
    at = Stage()
    at.endpoint.failure = replace(DOWN, retry_after_s=90.0)
    requester = at.requester()
    await requester.request(Reason.FIRST)
    looks = at.endpoint.looks
    at.endpoint.proof = "replaced"
    for _ in range(80):
        await asyncio.sleep(1.0)
        assert requester.denial() is not None
    assert at.endpoint.looks == looks


@contextmanager
def counted_stats() -> Iterator[list[None]]:
    """Every stat(2) that Python makes on this thread, however it is called."""
    made: list[None] = []
    sys.setprofile(
        lambda _, event, what: made.append(None) if event == "c_call" and what is os.stat else None
    )
    try:
        yield made
    finally:
        sys.setprofile(None)


def of_files(folder: Path, client: ClientSettings) -> tuple[ClientSettings, int]:
    """The client with everything in files, and how many of them there are."""
    ours = pair_in(folder / "ours")
    secret = folder / "secret"
    secret.write_text("hunter2-in-a-file")
    text = TextFile(secret)
    reader = NamedReader(lambda: Secret(text.current()), f"file:{secret}", (text,))
    client = replace(with_grant(client, certificate=ours), credentials=(reader,))
    return replace(client, reach=replace(client.reach, ca_file=ours.certificate)), 4


@pytest.mark.parametrize("is_discovered", [False, True])
async def test_two_hundred_callers_who_are_turned_away_cost_one_look_at_the_files(
    tmp_path: Path, is_discovered: bool
):
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: http_json(401, {"error": "invalid_client"})
        client, files = of_files(tmp_path, client_at(server.port))
        if is_discovered:
            server.places = dict.fromkeys(
                ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"), http(503)
            )
            client = with_grant(client, token_endpoint=None, issuer=server.origin)
        loop = asyncio.get_running_loop()
        around = Surroundings(loop_clock(0.99), Events(), KEY)
        source = GrantSource(GrantMaker(endpoint, client), around, let_live)
        wanted = TokenUnavailable if is_discovered else TokenRefused
        with pytest.raises(wanted):
            await source.token(loop.time() + 10.0)
        began_s = loop.time()
        with counted_stats() as stats:
            for _ in range(200):
                with pytest.raises(wanted):
                    await source.token(loop.time() + 10.0)
        assert len(stats) <= files * (1 + (loop.time() - began_s) / LOOK_AT_FILES_S)
        await source.close()


async def test_a_discovered_token_request_reads_its_keys_once():
    """They were read a second time, to compare their algorithms with the metadata."""
    read: list[None] = []

    def secret() -> Secret:
        read.append(None)
        return Secret("s" * 64)

    async with authorization_server() as server, token_endpoint() as endpoint:
        server.publish()
        client = replace(client_at(server.port), credentials=(secret,))
        client = with_grant(client, token_endpoint=None, issuer=server.origin)
        for _ in range(3):
            await endpoint.fetch(client)
        assert len(read) == 3
