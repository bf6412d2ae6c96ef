"""Who may use a route, on the wire: known callers pass, others learn why not, and nothing is asked for them."""

import json
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_network

import pytest

from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    ApiKeyWay,
    GateSettings,
    NetworkWay,
    WaySettings,
)
from gateway.core.settings.hours import Hours
from tests.wire.messages import request
from tests.wire.rig import Rig

PARTNER, HERE, THERE = map(WayName, ("partner", "here", "there"))
KEY, EXPIRED, READER = "gwk_good", "gwk_expired", "gwk_reader"


def table(key, name, more=""):
    return f'[[keys]]\nid = "{name}"\nsha256 = "{sha256(key.encode()).hexdigest()}"\n{more}\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(
        table(KEY, "acme")
        + table(EXPIRED, "acme", "expires = 2020-01-01")
        + table(READER, "reader", 'scope = "read"')
    )
    return path


def entry(*names, scope=()):
    return AccessEntry(tuple(names), frozenset(scope))


def rig(file, *entries, **members):
    ways = {
        PARTNER: WaySettings(PARTNER, ApiKeyWay(str(file))),
        HERE: WaySettings(HERE, NetworkWay((ip_network("127.0.0.0/8"),))),
        THERE: WaySettings(THERE, NetworkWay((ip_network("10.0.0.0/8"),))),
    }
    rule = AccessRule(entries or (entry(PARTNER),))

    def routes(rig):
        open_route = rig.route("/open", name="open", passes=("X-API-Key",))
        return [rig.route("/", gate=GateSettings(rule), **members), open_route]

    return Rig(routes=routes, callers=ways)


async def test_a_known_caller_passes_with_our_token_and_without_its_key(file):
    async with rig(file) as at:
        answer = await at.get("/", f"X-API-Key: {KEY}")
        (asked,) = at.upstream.requests

    assert answer.status == 200
    assert asked.head.value("Authorization") == b"Bearer token_1"
    assert KEY.encode() not in asked.head.raw
    assert at.told.records[-1].caller_id == "partner:acme"


async def test_a_connection_is_asked_at_each_request(file):
    """A caller that was admitted once is not admitted for good."""
    async with rig(file) as at:
        caller = await at.caller()
        statuses = [
            (await caller.ask(request("GET", "/", *fields))).status
            for fields in ((f"X-API-Key: {KEY}",), (), (f"X-API-Key: {KEY}",), ("X-API-Key: gwk_no",))
        ]

    assert statuses == [200, 401, 200, 401]


REFUSED = {
    "no key": ((), 401, "credential_missing"),
    "an unknown key": (("X-API-Key: gwk_bad",), 401, "credential_invalid"),
    "an empty key": (("X-API-Key: ",), 401, "credential_invalid"),
    "an expired key": ((f"X-API-Key: {EXPIRED}",), 401, "credential_invalid"),
    "a key of 64 KiB": ((f"X-API-Key: {'k' * 60_000}",), 401, "credential_invalid"),
    "a key in another field": ((f"Authorization: Bearer {KEY}",), 401, "credential_missing"),
    "an alias of the field": ((f"X_API_Key: {KEY}",), 401, "credential_missing"),
    "two keys": ((f"X-API-Key: {KEY}", f"X-API-Key: {KEY}"), 400, "malformed_request"),
}


@pytest.mark.parametrize(("fields", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_nobody_else_does_and_nothing_is_asked_for_them(file, fields, status, code):
    async with rig(file) as at:
        answer = await at.get("/", *fields)

        assert answer.status == status
        assert json.loads(answer.body)["type"].endswith(f":{code}")
        assert at.upstream.requests == []
        assert (answer.head.value("WWW-Authenticate") is not None) == (status == 401)
        assert b"http_request" in answer.head.value("Proxy-Status")


async def test_a_refused_body_is_neither_invited_nor_read(file):
    async with rig(file) as at:
        caller = await at.caller()
        await caller.send(request("POST", "/", "Content-Length: 5", "Expect: 100-continue"))
        answer = await caller.answer()

    assert answer.status == 401
    assert at.upstream.requests == []


async def test_a_scope_that_is_not_enough_is_forbidden(file):
    async with rig(file, entry(PARTNER, scope=["write"])) as at:
        answer = await at.get("/", f"X-API-Key: {READER}")

    assert answer.status == 403


async def test_a_scope_that_is_enough_passes(file):
    async with rig(file, entry(PARTNER, scope=["read"])) as at:
        assert (await at.get("/", f"X-API-Key: {READER}")).status == 200


@pytest.mark.parametrize(("place", "status"), [(HERE, 200), (THERE, 403)])
async def test_an_address_counts_beside_a_key(file, place, status):
    async with rig(file, entry(PARTNER, place)) as at:
        assert (await at.get("/", f"X-API-Key: {KEY}")).status == status


async def test_another_route_leaves_the_field_to_its_upstream(file):
    async with rig(file) as at:
        await at.get("/open", "X-API-Key: theirs")
        (asked,) = at.upstream.requests

    assert asked.head.value("X-API-Key") == b"theirs"


async def test_options_that_may_not_be_forwarded_need_access_as_well(file):
    async with rig(file) as at:
        answer = await at.ask(request("OPTIONS", "/", "Max-Forwards: 0"))

    assert answer.status == 401


async def test_a_file_that_was_never_there_is_an_outage_of_its_routes_alone(tmp_path):
    async with rig(tmp_path / "none.toml") as at:
        refused, other = await at.get("/", f"X-API-Key: {KEY}"), await at.get("/open")

    assert (refused.status, other.status) == (503, 200)
    assert json.loads(refused.body)["side"] == "gateway"


async def test_an_entry_with_hours_lets_callers_in_at_these_hours(file):
    """Also a caller that was let in before, on the connection on which it was."""
    working = Hours.of(("Mon-Fri 08:00-18:00",), "UTC")
    async with rig(file, AccessEntry((PARTNER,), hours=working)) as at:
        clock = at.gateway.generation.routes[0].gate._local.__self__
        caller, statuses = await at.caller(), []
        for hour in ("07:59:59", "08:00:00", "17:59:59", "18:00:00"):
            instant = datetime.fromisoformat(f"2026-11-30T{hour}+00:00").timestamp()
            clock._wall_s = lambda instant=instant: instant
            statuses.append((await caller.ask(request("GET", "/", f"X-API-Key: {KEY}"))).status)

    assert statuses == [403, 200, 200, 403]
    assert len(at.upstream.requests) == 2
