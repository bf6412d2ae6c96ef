"""What one tenant's dead authorization server does to the rest, and to ``/readyz``."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.core.settings.client_settings import ClientName
from tests.wire.authorization_server import FakeAuthorizationServer
from tests.wire.caller import RawCaller
from tests.wire.messages import ok, request
from tests.wire.rig import CRM, LOOPBACK, Rig

TENANT = ClientName("tenant")
DOWN = ok(b"maintenance", status="503 Service Unavailable")


class Tenants(Rig):
    """Two tenants, each with a client, a route and an authorization server of its own; one of these is down.

    Args:
        is_required: whether readiness depends on the client of the one that is down.
        hangs: that one takes requests and never answers; otherwise it answers 503.
    """

    def __init__(self, *, is_required=True, hangs=False, **members):
        super().__init__(
            routes=lambda rig: [rig.route("/crm"), rig.route("/tenant", grant=rig.theirs)], **members
        )
        self.dead = FakeAuthorizationServer()
        self.dead.refusal = DOWN
        if hangs:
            self.dead.gate.clear()
        self.is_required = is_required

    @property
    def theirs(self):
        return replace(self.grant, client=TENANT, token_endpoint=self.dead.endpoint)

    def _all_settings(self):
        settings = super()._all_settings()
        tenant = replace(settings.clients[CRM], grant=self.theirs, is_required=self.is_required)
        return replace(settings, admin=LOOPBACK, clients={**settings.clients, TENANT: tenant})

    async def __aenter__(self):
        await self.dead.start()
        await super().__aenter__()
        if self.dead.gate.is_set():
            await self.told.until(lambda: self.told.failed)
        else:
            await self.dead.until(lambda: self.dead.requests)
        return self

    async def __aexit__(self, *error):
        self.dead.gate.set()
        await super().__aexit__(*error)
        await self.dead.close()

    async def page(self, path):
        caller = await RawCaller.connect(self.gateway.admin_address)
        try:
            answer = await caller.ask(request("GET", path, "Host: localhost", "Connection: close"))
        finally:
            await caller.close()
        return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("is_required", [True, False])
async def test_routes_of_other_clients_are_served_all_the_same(is_required):
    async with Tenants(is_required=is_required) as rig:
        answers = [await rig.get(path) for path in ("/tenant", "/crm", "/tenant", "/crm")]

        assert [answer.status for answer in answers] == [503, 200, 503, 200]
        assert answers[0].code == "token_unavailable"
        assert rig.upstream.tokens == ["token_1"] * 2
        assert len(rig.dead.requests) == 1, "it backs off, whatever readiness depends on"


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_required_client_without_a_token_holds_readiness_up(hangs):
    async with Tenants(hangs=hangs) as rig:
        status, shown = await rig.page("/readyz")

        assert (status, shown["ready"]) == (503, False)
        assert [(one["client"], one["required"]) for one in shown["missing"]] == [("tenant", True)]


@pytest.mark.parametrize("hangs", [True, False])
async def test_one_that_is_not_required_is_shown_and_holds_nothing_up(hangs):
    async with Tenants(is_required=False, hangs=hangs) as rig:
        status, shown = await rig.page("/readyz")
        _, clients = await rig.page("/clients")

        assert (status, shown["ready"]) == (200, True)
        assert [(one["client"], one["required"]) for one in shown["missing"]] == [("tenant", False)]
        assert {each["client"]: (each["required"], each["is_ready"]) for each in clients["clients"]} == {
            "crm": (True, True),
            "tenant": (False, False),
        }


async def test_what_is_required_is_waited_for_also_beside_one_that_is_not():
    tenants = Tenants(is_required=False, is_warm=False)
    tenants.authorization_server.gate.clear()
    async with tenants as rig:
        before, shown = await rig.page("/readyz")
        rig.authorization_server.gate.set()
        await rig.told.until(lambda: rig.told.obtained)
        after, _ = await rig.page("/readyz")

    assert (before, after) == (503, 200)
    assert [(one["client"], one["required"]) for one in shown["missing"]] == [
        ("crm", True),
        ("tenant", False),
    ]


async def test_a_reload_may_change_its_mind_without_a_token_request():
    async with Tenants() as rig:
        before = (await rig.page("/readyz"))[0]
        tenant = replace(rig.settings.clients[TENANT], is_required=False)
        await rig.gateway.reload(replace(rig.settings, clients={**rig.settings.clients, TENANT: tenant}))
        after = (await rig.page("/readyz"))[0]

        assert (before, after) == (503, 200)
        assert (len(rig.authorization_server.requests), len(rig.dead.requests)) == (1, 1)
        assert (await rig.get("/crm")).status == 200
