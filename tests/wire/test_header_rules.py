"""Header rules of a route: remove, set, add, in both directions. `docs/configuration.md`."""

import pytest

from gateway.core.settings.route_settings import HeaderRules
from tests.wire.exchanged import answer_after, head_after
from tests.wire.messages import ok
from tests.wire.rig import Rig


async def test_connection_cannot_remove_what_a_rule_sets():
    rules = HeaderRules(set=(("X-Tenant", "acme"),))
    head = await head_after("Connection: X-Tenant", "X-Tenant: evil", request_headers=rules)

    assert head.value("X-Tenant") == b"acme"


@pytest.mark.parametrize("name", ["X_My_Tenant", "X-My_Tenant", "x_my-tenant"])
async def test_the_underscore_twin_of_a_field_that_a_rule_sets_is_dropped(name):
    rules = HeaderRules(set=(("X-My-Tenant", "acme"),))
    head = await head_after(f"{name}: evil", request_headers=rules)

    assert b"evil" not in head.raw
    assert head.value("X-My-Tenant") == b"acme"


# ── Authorization ─────────────────────────────────────────────────────────────────────────────────────


RULES = HeaderRules(
    set=(("X-Tenant", "acme"), ("Accept", "application/json")),
    add=(("X-Tag", "gateway"), ("X-Tag", "two")),
    remove=("Cookie", "X-Secret"),
)


async def test_request_rules_remove_set_and_add():
    fields = [
        "x-tenant: evil",
        "accept: a",
        "Accept: b",
        "X-Tag: caller",
        "cookie: a=b",
        "X-SECRET: 1",
        "X-Foo: 1",
    ]
    head = await head_after(*fields, request_headers=RULES)

    assert head.values("X-Tenant") == [b"acme"]
    assert head.values("Accept") == [b"application/json"]
    assert head.values("X-Tag") == [b"caller", b"gateway", b"two"]
    assert not {b"cookie", b"x-secret"} & set(head.names)
    assert head.value("X-Foo") == b"1"


async def test_answer_rules_remove_set_and_add():
    raw = ok(
        b"ok", "X-Tenant: other", "accept: a", "Accept: b", "X-Tag: upstream", "Cookie: a", "x-secret: 1"
    )
    answer = await answer_after(raw, response_headers=RULES)

    assert answer.head.values("X-Tenant") == [b"acme"]
    assert answer.head.values("Accept") == [b"application/json"]
    assert answer.head.values("X-Tag") == [b"upstream", b"gateway", b"two"]
    assert not {b"cookie", b"x-secret"} & set(answer.head.names)


async def test_answer_rules_also_hold_for_what_a_rule_sets_beside_date():
    rules = HeaderRules(set=(("Date", "never"), ("Server", "gateway")))
    answer = await answer_after(ok(b"ok", "Server: old"), response_headers=rules)

    assert answer.head.values("Date") == [b"never"]
    assert answer.head.values("Server") == [b"gateway"]


@pytest.mark.time_lapse
async def test_request_rules_hold_in_a_replay_too():
    async with Rig(routes=lambda rig: [rig.route(request_headers=RULES)]) as rig:
        rig.upstream.demand("token_2")
        answer = await rig.get("/", "X-Secret: 1", "X-Tag: caller", "X-Request-ID: one")
        first, second = (each.head.fields for each in rig.upstream.requests)

        assert answer.status == 200
        assert [f for f in first if f[0] != b"Authorization"] == [
            f for f in second if f[0] != b"Authorization"
        ]


# ── more than one listener, trailers' permission ──────────────────────────────────────────────────────
