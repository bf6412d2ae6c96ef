"""All sources together: which tokens are revoked, over real sockets, and what the end leaves behind."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientSettings, Grant
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.settings.upstream_settings import UpstreamSettings as Upstream
from gateway.oauth.requester import Surroundings
from gateway.oauth.store import Sources
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import HANG, FakeAuthorizationServer, authorization_server, http
from tests.oauth.fakes import KEY, Events, client_settings, loop_clock


def revoked(server: FakeAuthorizationServer) -> list[str]:
    return sorted(request.form["token"] for request in server.posts if request.target == "/revoke")


def settings_of(client: ClientSettings, *grants: Grant) -> Settings:
    upstream = Upstream(Scheme.HTTP, "127.0.0.1", 1)
    routes = tuple(
        RouteSettings(RouteName(f"r{n}"), f"/{n}", upstream, grant=grant) for n, grant in enumerate(grants)
    )
    return Settings((), None, {client.name: client}, routes)


@asynccontextmanager
async def sources(*scopes: tuple[str, ...], revokes: bool = True, **reach: float):
    """Sources with a token for each of these scopes, the server they have it from, and what is told."""
    async with authorization_server() as server:
        server.reply = lambda request: http(200) if request.target == "/revoke" else server.granted()
        client = client_settings(
            f"{server.origin}/token", revokes=revokes, revocation_endpoint=f"{server.origin}/revoke", **reach
        )
        grants = [replace(client.grant, scope=scope) for scope in scopes]
        events = Events()
        made = Sources(settings_of(client, *grants), Surroundings(loop_clock(), events, KEY), Trust())
        deadline_s = loop_clock().now_s() + 10.0
        for grant in grants:
            await made[grant].token(deadline_s)
        yield made, server, events


async def test_at_the_end_every_living_token_is_revoked():
    async with sources(("a",), ("b",)) as (made, server, events):
        await made.close()
        assert revoked(server) == ["access_token_1", "access_token_2"]
        assert [reason for _, reason in events.revoked] == ["", ""]


async def test_a_client_that_does_not_say_revoke_revokes_nothing():
    async with sources(("a",), revokes=False) as (made, server, events):
        await made.close()
        assert (revoked(server), events.revoked) == ([], [])


async def test_one_text_that_two_sources_hold_is_revoked_once():
    async with sources() as (_, server, _):
        server.reply = lambda request: (
            http(200) if request.target == "/revoke" else server.granted(access_token="shared")
        )
        client = client_settings(
            f"{server.origin}/token", revokes=True, revocation_endpoint=f"{server.origin}/revoke"
        )
        grants = [replace(client.grant, scope=scope) for scope in (("a",), ("b",))]
        made = Sources(settings_of(client, *grants), Surroundings(loop_clock(), Events(), KEY), Trust())
        for grant in grants:
            await made[grant].token(loop_clock().now_s() + 10.0)
        await made.close()
        assert revoked(server) == ["shared"]


async def test_the_end_leaves_nothing_behind_though_the_server_hangs():
    async with sources(("a",), timeout_s=0.2) as (made, server, events):
        server.reply = lambda request: HANG
        await made.close()
        assert [reason for _, reason in events.revoked] == ["the authorization server did not answer in time"]
        assert not [task for task in asyncio.all_tasks() if "Revoker" in repr(task)]


async def test_closing_twice_revokes_once():
    async with sources(("a",)) as (made, server, _):
        await made.close()
        await made.close()
        assert revoked(server) == ["access_token_1"]
