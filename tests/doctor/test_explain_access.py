"""Whatever explain says of access, the gateway does: rules and callers by chance, compared over sockets."""

import random
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_network

import pytest

from gateway.core.caller import WayName
from gateway.core.errors import GatewayError
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    ApiKeyWay,
    GateSettings,
    NetworkWay,
    WaySettings,
)
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.hours import DAYS, Hours
from gateway.doctor.admittance import Described, admitted
from tests.wire.messages import request
from tests.wire.rig import Rig

KEYS = {WayName("first"): "X-First-Key", WayName("second"): "X-Second-Key"}
HERE, THERE = WayName("here"), WayName("there")
SCOPES = ("read", "write")
ALWAYS = Hours.of(("00:00-24:00",), "UTC")
LATER = Hours.of((f"{DAYS[(datetime.now(UTC).weekday() + 3) % 7]} 00:00-24:00",), "UTC")
HEAD = HeadReader(Limits()).read("GET", "/", (1, 1), [(b"Host", b"a")])


def ways(folder):
    """Two ways by keys, whose callers have every scope there is or none, and two by address."""
    found = {
        HERE: WaySettings(HERE, NetworkWay((ip_network("127.0.0.0/8"),))),
        THERE: WaySettings(THERE, NetworkWay((ip_network("10.0.0.0/8"),))),
    }
    for name, header in KEYS.items():
        file = folder / f"{name}.toml"
        file.write_text("".join(table(name, scope) for scope in ("", *SCOPES, " ".join(SCOPES))))
        found[name] = WaySettings(name, ApiKeyWay(str(file), header))
    return found


def key(name, scope):
    return f"{name}-{scope.replace(' ', '-') or 'nothing'}"


def table(name, scope):
    digest = sha256(key(name, scope).encode()).hexdigest()
    return f'[[keys]]\nid = "{key(name, scope)}"\nsha256 = "{digest}"\nscope = "{scope}"\n'


def rule(chance):
    def entry():
        names = chance.sample([*KEYS, HERE, THERE], chance.randint(1, 3))
        claims = (("id", (key("first", "read"),)),) if chance.random() < 0.2 else ()
        scope = frozenset(chance.sample(SCOPES, chance.randint(0, 2)))
        return AccessEntry(tuple(names), scope, claims, chance.choice((None, None, ALWAYS, LATER)))

    return AccessRule(tuple(entry() for _ in range(chance.randint(1, 3))))


def explained(asked, all_ways, presented):
    """What explain says: the caller's id, or the code of the refusal."""
    # The scope is one for all ways of a described caller: so each way presents the same here.
    scope = next(iter(presented.values()), "")
    ids = {name: key(name, scope) for name in presented}
    claims = {"id": next(iter(ids.values()), "")}
    try:
        caller = CallerFields(b"127.0.0.1", b"http", is_trusted=False)
        who, _ = admitted(asked, all_ways, Described(ids, frozenset(scope.split()), claims), HEAD, caller)
    except GatewayError as error:
        return error.code
    return f"{who.way}:{who.id}"


@pytest.mark.parametrize("seed", range(4))
async def test_what_explain_says_is_what_happens(seed, tmp_path):
    chance, all_ways = random.Random(seed), ways(tmp_path)
    rules = [rule(chance) for _ in range(40)]

    def routes(rig):
        return [
            rig.route(f"/{number}", name=str(number), has_token=False, gate=GateSettings(each))
            for number, each in enumerate(rules)
        ]

    async with Rig(routes=routes, callers=all_ways) as rig:
        caller = await rig.caller()
        for number, asked in enumerate(rules):
            scope = chance.choice(["", *SCOPES, " ".join(SCOPES)])
            names = chance.sample(list(KEYS), 1) if chance.random() < 0.8 else []
            fields = [f"{KEYS[name]}: {key(name, scope)}" for name in names]
            await caller.ask(request("GET", f"/{number}", *fields))
            record = rig.told.records[-1]
            presented = {name: scope for name in names if name in asked.ways}

            assert record.error or record.caller_id == explained(asked, all_ways, presented)
            assert record.error in {"", explained(asked, all_ways, presented)}
