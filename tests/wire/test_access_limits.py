"""Limits, pages of other origins, and what the upstream is told, on the wire."""

import asyncio
from hashlib import sha256
from ipaddress import ip_network

import pytest

from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    ApiKeyWay,
    CorsSettings,
    GateSettings,
    InFlightLimit,
    LimitKey,
    NetworkWay,
    RateLimit,
    WaySettings,
)
from gateway.core.settings.identity import IdentityField
from tests.wire.messages import ok, request
from tests.wire.rig import Rig
from tests.wire.test_reload import others

PARTNER = WayName("partner")
RULE = AccessRule((AccessEntry((PARTNER,)),))
PER_NETWORK = RateLimit("per-network", 2, 3600.0, 2, LimitKey.NETWORK)
APP = "https://app.test"


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.toml"
    tables = [
        f'[[keys]]\nid = "{name}"\nsha256 = "{sha256(name.encode()).hexdigest()}"\nscope = "b a"\n'
        for name in ("acme", "beta")
    ]
    path.write_text("".join(tables))
    return {PARTNER: WaySettings(PARTNER, ApiKeyWay(str(path)))}


def rig(script=None, *, callers=None, gate=None, more=(), **members):
    def routes(rig):
        return [rig.route("/", gate=gate or GateSettings(), **members), *(make(rig) for make in more)]

    return Rig(script, routes=routes, callers=callers or {})


async def test_a_network_is_served_as_often_as_its_limit_says():
    async with rig(gate=GateSettings(limits=(PER_NETWORK,))) as at:
        answers = [await at.get() for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.head.value("RateLimit") for answer in answers[:2]] == [
        b'"per-network";r=1;t=1800',
        b'"per-network";r=0;t=3600',
    ]
    assert answers[2].head.value("RateLimit-Policy") == b'"per-network";q=2;w=3600'
    assert 1 <= int(answers[2].head.value("Retry-After")) <= 1800
    assert len(at.upstream.requests) == 2


async def test_pipelined_requests_and_other_connections_count_alike():
    async with rig(gate=GateSettings(limits=(PER_NETWORK,))) as at:
        caller = await at.caller()
        await caller.send(request("GET", "/") * 3)
        statuses = [(await caller.answer()).status for _ in range(3)]
        statuses.append((await at.get()).status)

    assert statuses == [200, 200, 429, 429]


async def test_attempts_to_guess_a_key_are_limited(keys):
    gate = GateSettings(RULE, (PER_NETWORK,))
    async with rig(callers=keys, gate=gate) as at:
        statuses = [(await at.get("/", f"X-API-Key: guess{n}")).status for n in range(3)]

    assert statuses == [401, 401, 429]


async def test_each_known_caller_has_a_quota_of_its_own(keys):
    gate = GateSettings(RULE, (RateLimit("per-caller", 1, 3600.0, 1),))
    async with rig(callers=keys, gate=gate) as at:
        statuses = [(await at.get("/", f"X-API-Key: {name}")).status for name in ("acme", "acme", "beta")]

    assert statuses == [200, 429, 200]


async def test_a_place_in_flight_is_free_again_when_the_response_is_over_or_its_caller_gone():
    gate = asyncio.Event()

    async def slow(exchange):
        await gate.wait()
        exchange.write(ok())

    async with rig(slow, gate=GateSettings(limits=(InFlightLimit("capacity", 1),))) as at:
        first = await at.caller()
        await first.send(request("GET", "/"))
        await at.upstream.until(lambda: at.upstream.requests)
        assert (await at.get()).status == 503
        await first.close()
        await at.works_on(0)
        gate.set()

        assert (await at.get()).status == 200
        assert (await at.get()).status == 200


async def test_an_upstream_says_nothing_of_limits_where_the_gateway_does():
    script = ok(b"", "RateLimit: theirs", "RateLimit-Policy: theirs")
    async with rig(script, gate=GateSettings(limits=(PER_NETWORK,))) as at:
        answer = await at.get()

    assert answer.head.values("RateLimit") == [b'"per-network";r=1;t=1800']


# ── pages of other origins ────────────────────────────────────────────────────────────────────────

CORS = GateSettings(RULE, cors=CorsSettings(frozenset({APP})))
PREFLIGHT = (f"Origin: {APP}", "Access-Control-Request-Method: PUT")


async def test_a_preflight_is_answered_before_access_and_goes_no_further(keys):
    async with rig(callers=keys, gate=CORS, methods=frozenset({"GET", "PUT"})) as at:
        caller = await at.caller()
        for _ in range(2):
            answer = await caller.ask(request("OPTIONS", "/", *PREFLIGHT))
            assert answer.status == 204
            assert answer.head.value("Access-Control-Allow-Methods") == b"GET, PUT"
            assert answer.head.value("Access-Control-Allow-Origin") == APP.encode()

    assert at.upstream.requests == []


async def test_no_limit_counts_a_preflight(keys):
    """Else each request of a page costs two, and a page whose quota is used up does not see the 429."""
    gate = GateSettings(RULE, (PER_NETWORK,), CorsSettings(frozenset({APP})))
    async with rig(callers=keys, gate=gate) as at:
        asked = [await at.ask(request("OPTIONS", "/", *PREFLIGHT)) for _ in range(4)]
        fields = (f"Origin: {APP}", "X-API-Key: acme")
        statuses = [(await at.get("/", *fields)).status for _ in range(3)]
        asked.append(await at.ask(request("OPTIONS", "/", *PREFLIGHT)))

    assert statuses == [200, 200, 429]
    assert [answer.status for answer in asked] == [204] * 5


async def test_any_other_options_needs_access(keys):
    async with rig(callers=keys, gate=CORS) as at:
        answers = [
            await at.ask(request("OPTIONS", "/", *fields)) for fields in ((), PREFLIGHT[:1], PREFLIGHT[1:])
        ]

    assert [answer.status for answer in answers] == [401, 401, 401]


async def test_a_preflight_of_a_route_without_a_policy_is_a_request_as_all_others(keys):
    async with rig(callers=keys, gate=CORS, more=[lambda rig: rig.route("/plain", name="plain")]) as at:
        answer = await at.ask(request("OPTIONS", "/plain", *PREFLIGHT))

    assert answer.status == 200
    assert len(at.upstream.requests) == 1


async def test_pages_see_our_own_errors_too(keys):
    async with rig(callers=keys, gate=CORS) as at:
        refused = await at.get("/", f"Origin: {APP}")
        await at.upstream.close()
        broken = await at.get("/", f"Origin: {APP}", "X-API-Key: acme")

    for answer, status in ((refused, 401), (broken, 502)):
        assert answer.status == status
        assert answer.head.value("Access-Control-Allow-Origin") == APP.encode()


async def test_pages_see_what_refuses_them_before_the_rule_does(keys):
    gate = GateSettings(RULE, (PER_NETWORK,), CorsSettings(frozenset({APP})))
    async with rig(callers=keys, gate=gate, max_body_bytes=1) as at:
        fields = (f"Origin: {APP}", "X-API-Key: acme")
        large = await at.ask(request("POST", "/", *fields, body=b"xx"))
        await at.ask(request("GET", "/", *fields))
        asked = await at.ask(request("OPTIONS", "/", *fields, "Max-Forwards: 0"))
        often = await at.ask(request("GET", "/", *fields))

    assert [each.status for each in (large, asked, often)] == [413, 204, 429]
    for answer in (large, asked, often):
        assert answer.head.values("Access-Control-Allow-Origin") == [APP.encode()]
    assert asked.head.value("RateLimit") is not None


async def test_there_is_one_policy_and_it_is_ours(keys):
    script = ok(b"", "Access-Control-Allow-Origin: *", "access-control-allow-credentials: true")
    async with rig(script, callers=keys, gate=CORS) as at:
        answer = await at.get("/", f"Origin: {APP}", "X-API-Key: acme")

    assert answer.head.values("Access-Control-Allow-Origin") == [APP.encode()]
    assert answer.head.values("Access-Control-Allow-Credentials") == []


async def test_a_listed_origin_is_no_foreign_page():
    gate = GateSettings(cors=CorsSettings(frozenset({APP})))
    async with rig(gate=gate, refuses_foreign_pages=True) as at:
        fields = ("Host: 127.0.0.1", "Sec-Fetch-Site: cross-site")
        listed = await at.get("/", *fields, f"Origin: {APP}")
        other = await at.get("/", *fields, "Origin: https://evil.test")

    assert (listed.status, other.status) == (200, 403)


# ── identity ──────────────────────────────────────────────────────────────────────────────────────

TOLD = GateSettings(
    RULE,
    identity=(
        IdentityField.of("X-Caller", "{caller.id}"),
        IdentityField.of("X-Caller-Scope", "{caller.scope}"),
        IdentityField.of("X-Caller-Tenant", "{caller.claims.tenant}"),
    ),
)
SIGNS = "_.!#$%&'*+^`|~-"
"""All that may stand in the name of a field beside letters and digits (RFC 9110 section 5.6.2)."""
ALIASES = [
    *(f"X{first}Caller{second}Scope" for first in SIGNS for second in SIGNS),
    *(f"x{sign}CALLER" for sign in SIGNS),
]


async def test_the_upstream_is_told_who_calls(keys):
    async with rig(callers=keys, gate=TOLD) as at:
        caller = await at.caller()
        for name in ("acme", "acme", "beta"):
            await caller.ask(request("GET", "/", f"X-API-Key: {name}"))

    assert [each.head.value("X-Caller") for each in at.upstream.requests] == [b"acme", b"acme", b"beta"]
    assert at.upstream.requests[0].head.value("X-Caller-Scope") == b"a b"
    assert at.upstream.requests[0].head.value("X-Caller-Tenant") is None


async def test_no_caller_tells_it_in_any_spelling_on_any_route(keys):
    """What a WSGI, a CGI or a PHP-like reader could take for the real field."""

    def folds(name):
        return "".join(sign.lower() if sign.isalnum() else "_" for sign in name)

    reserved = {folds(field.name) for field in TOLD.identity}
    async with rig(callers=keys, gate=TOLD, more=[lambda rig: rig.route("/open", name="open")]) as at:
        for target, key in (("/", ("X-API-Key: acme",)), ("/open", ())):
            caller = await at.caller()
            for name in ALIASES:
                await caller.ask(request("GET", target, f"{name}: mallory", *key))
        for each in at.upstream.requests:
            told = [value for name, value in each.head.fields if folds(name.decode()) in reserved]
            assert b"mallory" not in told

    assert len(at.upstream.requests) == 2 * len(ALIASES)
    assert len(ALIASES) > 200


async def test_a_head_that_was_read_before_a_name_was_reserved_reaches_nobody_who_believes_it():
    """A reload in the very round of the loop in which a request arrived."""
    office = WayName("office")
    way = {office: WaySettings(office, NetworkWay((ip_network("127.0.0.0/8"),)))}
    told = GateSettings(
        AccessRule((AccessEntry((office,)),)), identity=(IdentityField.of("X-Caller", "{caller.way}"),)
    )
    head = request("GET", "/", "X-Caller: mallory")
    async with rig() as at:
        caller = await at.caller()
        await caller.ask(head)
        await at._settle()
        (connection,) = at.gateway.doors.listeners()[0].connections
        prepared = await at.gateway.prepare(others(at, callers=way, routes=(at.route("/", gate=told),)))
        connection.front.data_received(head)
        at.gateway.commit(prepared)
        await caller.answer()
        await caller.ask(head)

    values = [each.head.values("X-Caller") for each in at.upstream.requests]
    assert values[0] == [b"mallory"]
    assert values[1] in ([b"mallory"], [b"office"])  # the slow way reads the head later
    assert values[2] == [b"office"]


# ── every end of a call gives its place back, once ─────────────────────────────────────────────────


def counts(at):
    """The places that are taken; to give one back twice would raise, and the loop would meet that."""
    (limiter,) = at.gateway.generation.limiters.values()
    return limiter._in_flight[0]._counts


async def ended_by_its_caller(at, caller):
    """The head of the response is there, its body is not."""
    await caller.send(request("GET", "/stalls"))
    await caller.head()
    assert counts(at) == {"": 1}
    caller.leave()


async def ended_before_the_body_came(at, caller):
    await caller.send(request("POST", "/", "Content-Length: 9") + b"half")
    await at.works_on(1)
    caller.leave()


ENDS = {
    "a response": lambda at, caller: caller.ask(request("GET", "/")),
    "no body": lambda at, caller: caller.ask(request("HEAD", "/")),
    "an upstream that breaks off": lambda at, caller: caller.ask(request("GET", "/breaks")),
    "a body that is too long": lambda at, caller: caller.ask(request("POST", "/", body=b"x" * 20)),
    "Max-Forwards: 0": lambda at, caller: caller.ask(request("OPTIONS", "/", "Max-Forwards: 0")),
    "a caller that leaves": ended_by_its_caller,
    "a caller that leaves with half a body": ended_before_the_body_came,
}


async def broken_or_whole(exchange):
    if exchange.target == b"/breaks":
        exchange.close()
    elif exchange.target == b"/stalls":
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await exchange.gone()
    else:
        await exchange.body()
        exchange.write(ok())


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_every_end_of_a_call_gives_its_place_back(end):
    gate = GateSettings(limits=(InFlightLimit("capacity", 1),))
    async with rig(broken_or_whole, gate=gate, max_body_bytes=10) as at:
        await end(at, await at.caller())
        await at.works_on(0)
        assert counts(at) == {}

        assert (await at.get()).status == 200
        assert counts(at) == {}


async def test_a_place_outlives_a_reload_and_is_given_back_after_two():
    gate = GateSettings(limits=(InFlightLimit("capacity", 1),))
    async with rig(broken_or_whole, gate=gate) as at:
        caller = await at.caller()
        await caller.send(request("GET", "/stalls"))
        await caller.head()
        for name in ("first", "second"):
            await at.gateway.reload(others(at, routes=(at.route("/", gate=gate), at.route(f"/{name}"))))
            assert counts(at) == {"": 1}
            assert (await at.get()).status == 503
        caller.leave()
        await at.works_on(0)

        assert counts(at) == {}
