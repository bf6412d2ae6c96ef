"""The upstream says 401: authenticate again, replay once, and do no harm. Design section 5, the five rules.

Token requests of one source are a second apart, hence the time-lapse loop.
"""

import asyncio

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.oauth.token_events import Reason
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import CallerAuthorization, Timeouts
from tests.wire.messages import chunked, ok, request
from tests.wire.rig import Rig

pytestmark = pytest.mark.time_lapse

REFUSAL = ok(b"no", status="401 Unauthorized")
CHALLENGE = ok(b"no", 'WWW-Authenticate: Bearer error="invalid_token"', status="401 Unauthorized")
DOWN = ok(b"maintenance", status="503 Service Unavailable")
WRONG_SECRET = ok(b'{"error": "invalid_client"}', "Content-Type: application/json", status="401 Unauthorized")


def outcomes(rig):
    return [record.recovery for record in rig.told.records]


# ── rule 2 and 3: replaced once, for everybody, and replayed byte for byte ────────────────────────────


async def test_a_rejected_token_is_replaced_once_and_the_request_replayed():
    async with Rig() as rig:
        rig.upstream.demand("token_2", refusal=CHALLENGE)
        caller = await rig.caller()
        answer = await caller.ask(request("GET", "/users?a=%2F", "X-Foo: bar", "X-Request-ID: one"))
        again = await caller.ask(request("GET", "/users"))

        assert (answer.status, answer.body, again.status) == (200, b"ok", 200)
        assert rig.upstream.tokens == ["token_1", "token_2", "token_2"]
        first, second, _ = (each.head for each in rig.upstream.requests)
        assert first.raw.replace(b"token_1", b"token_2") == second.raw
        assert rig.authorization_server.granted == 2
        assert outcomes(rig) == [Recovery.RECOVERED, Recovery.NONE]
        assert rig.told.reasons == [Reason.FIRST, Reason.REJECTED]
        assert (rig.told.records[0].status, rig.told.records[0].upstream_status) == (200, 200)


async def test_many_rejected_at_once_cost_one_token_request_and_lose_nobody():
    async with Rig() as rig:
        rig.upstream.demand("token_2")
        answers = await asyncio.gather(
            *(rig.ask(request("POST", f"/{number}", body=b"%d" % number)) for number in range(200))
        )

        assert {answer.status for answer in answers} == {200}
        assert rig.authorization_server.granted == 2
        assert len(rig.told.rejected) == 1
        served = [each for each in rig.upstream.requests if each.token == "token_2"]
        assert sorted(int(each.content) for each in served) == list(range(200))


@pytest.mark.parametrize("has_length", [True, False], ids=["by length", "chunked"])
async def test_a_body_is_replayed_up_to_the_limit_and_not_one_byte_above(has_length):
    """In one rig: the body of exactly the limit recovers; the longer one passes its 401, and the next is served."""
    limit = 64 * 1024
    body = bytes(range(256)) * (limit // 256)

    def posted(data):
        if has_length:
            return request("POST", "/", body=data)
        parts = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        return request("POST", "/", "Transfer-Encoding: chunked", body=chunked(*parts))

    async with Rig(limits=Limits(replay_bytes=limit)) as rig:
        rig.upstream.demand("token_2")
        exactly = await rig.ask(posted(body))
        assert exactly.status == 200
        assert [each.content for each in rig.upstream.requests] == [body, body]

        rig.upstream.demand("token_3", refusal=CHALLENGE)
        above = await rig.ask(posted(body + b"x"))
        assert (above.status, above.body) == (401, b"no")
        assert above.head.value("WWW-Authenticate") is not None
        assert (rig.upstream.tokens[2:], outcomes(rig)[1]) == (["token_2"], Recovery.NOT_REPLAYABLE)

        after = await rig.ask(posted(body + b"x"))
        assert after.status == 200, "the next request has the new token"
        assert rig.upstream.tokens[3:] == ["token_3"]


async def test_a_body_that_arrives_in_pieces_is_replayed_in_its_order():
    async with Rig() as rig:
        rig.upstream.demand("token_2")
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 3000"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        parts = [bytes([65 + number]) * 300 for number in range(10)]
        for part in parts:
            await caller.send(part)
            await asyncio.sleep(0.002)

        assert (await caller.answer()).status == 200
        assert [each.content for each in rig.upstream.requests] == [b"".join(parts)] * 2


async def test_a_refusal_before_the_body_came_is_recovered_with_the_whole_body():
    """The upstream answers 401 to the head alone; the body streams on into the replay."""

    async def early(exchange):
        if exchange.token == "token_1":
            exchange.write(REFUSAL)
            await exchange.gone()
        else:
            await exchange.body()
            exchange.write(ok())

    async with Rig(early) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 9") + b"abc")
        await rig.upstream.until(lambda: rig.upstream.requests)
        await caller.send(b"def")
        await rig.told.until(lambda: rig.told.rejected)
        answer = await caller.ask(b"ghi")

        assert answer.status == 200
        assert rig.upstream.requests[-1].content == b"abcdefghi"


async def test_the_budget_of_all_replays_together_is_bounded():
    """What exceeds it is not replayable, as if it were too long; the budget is given back."""
    body = b"x" * 1000
    async with Rig(limits=Limits(replay_bytes=1000, replay_total_bytes=2500)) as rig:
        held = asyncio.Event()

        async def hold(exchange):
            await exchange.body()
            await held.wait()
            exchange.write(REFUSAL if exchange.token == "token_1" else ok())

        rig.upstream.script = hold
        tasks = [asyncio.create_task(rig.ask(request("POST", "/", body=body))) for _ in range(4)]
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 4)
        held.set()
        answers = await asyncio.gather(*tasks)
        assert sorted(answer.status for answer in answers) == [200, 200, 401, 401]

        rig.upstream.demand("token_3")
        assert (await rig.ask(request("PUT", "/", body=body))).status == 200


# ── rule 1: a late 401 ────────────────────────────────────────────────────────────────────────────────


async def test_a_late_401_uses_the_newer_token_and_drops_nothing():
    late = asyncio.Event()

    async def handler(exchange):
        if exchange.target == b"/late" and exchange.token == "token_1":
            await late.wait()
        exchange.write(ok() if exchange.token == "token_2" else REFUSAL)

    async with Rig(handler) as rig:
        waiting = asyncio.create_task(rig.get("/late"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        assert (await rig.get("/quick")).status == 200
        late.set()

        assert (await waiting).status == 200
        assert rig.authorization_server.granted == 2
        assert [token.serial for token in rig.told.rejected] == [1]
        assert (await rig.get("/after")).status == 200
        assert rig.upstream.tokens[-1] == "token_2"


# ── rule 4: a second 401 ──────────────────────────────────────────────────────────────────────────────


async def test_a_second_401_passes_unchanged_and_a_thousand_more_cost_nothing():
    async with Rig(CHALLENGE) as rig:
        answer = await rig.get()

        assert (answer.status, answer.body) == (401, b"no")
        assert answer.head.value("WWW-Authenticate") == b'Bearer error="invalid_token"'
        assert rig.upstream.tokens == ["token_1", "token_2"]

        for _ in range(10):
            callers = await asyncio.gather(*(rig.caller() for _ in range(10)))
            for caller in callers:
                await caller.send(request("GET", "/") * 10)
            for caller in callers:
                assert [(await caller.answer()).status for _ in range(10)] == [401] * 10

        assert len(rig.upstream.requests) == 1002, "a held 401 is not replayed"
        assert rig.authorization_server.granted <= 3
        assert outcomes(rig)[0] is Recovery.REJECTED_AGAIN
        assert set(outcomes(rig)[1:]) == {Recovery.HELD}


async def test_a_thousand_requests_at_once_to_an_upstream_that_always_says_401_cost_two_tokens():
    async with Rig(REFUSAL) as rig:
        callers = await asyncio.gather(*(rig.caller() for _ in range(100)))
        for caller in callers:
            await caller.send(request("GET", "/") * 10)
        for caller in callers:
            assert [(await caller.answer()).status for _ in range(10)] == [401] * 10

        assert rig.authorization_server.granted <= 3
        assert len(rig.upstream.requests) <= 2000


async def test_a_path_whose_bodies_cannot_be_replayed_costs_one_token_request():
    """Nobody can try whether the new token helps: for a while it is taken for one that does not."""
    async with Rig(CHALLENGE, limits=Limits(replay_bytes=10)) as rig:
        answers = [await rig.ask(request("POST", "/", body=b"x" * 100)) for _ in range(4)]

        assert [answer.status for answer in answers] == [401] * 4
        assert outcomes(rig) == [Recovery.NOT_REPLAYABLE] + [Recovery.HELD] * 3
        assert rig.authorization_server.granted == 2


async def test_a_401_for_a_token_obtained_for_this_very_request_passes():
    async with Rig(CHALLENGE, is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        answer = asyncio.create_task(rig.get())
        await rig.authorization_server.until(lambda: rig.authorization_server.requests)
        await rig.works_on(1)
        rig.authorization_server.gate.set()

        assert (await answer).status == 401
        assert rig.upstream.tokens == ["token_1"]
        assert outcomes(rig) == [Recovery.NEW_TOKEN_REJECTED]
        assert (await rig.get()).status == 401
        assert rig.authorization_server.granted == 1


async def test_the_hold_of_one_route_does_not_hold_another():
    def routes(rig):
        return [rig.route("/bad"), rig.route("/good")]

    async def handler(exchange):
        is_good = exchange.target == b"/good" and exchange.token == "token_3"
        exchange.write(ok() if is_good else REFUSAL)

    async with Rig(handler, routes=routes) as rig:
        assert (await rig.get("/bad")).status == 401
        assert (await rig.get("/good")).status == 200
        assert rig.upstream.tokens == ["token_1", "token_2", "token_2", "token_3"]


# ── rule 5: the challenge is read ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "challenges",
    [
        ['Bearer error="insufficient_scope", scope="admin"'],
        ['Bearer realm="a, b", error=insufficient_scope'],
        ['Basic realm="legacy"', "Bearer error=insufficient_scope"],
        ['DPoP error="invalid_dpop_proof"'],
    ],
)
async def test_a_challenge_that_a_new_token_cannot_meet_passes(challenges):
    lines = [f"WWW-Authenticate: {challenge}" for challenge in challenges]
    async with Rig(ok(b"no", *lines, status="401 Unauthorized")) as rig:
        answer = await rig.get()

        assert answer.status == 401
        assert answer.head.values("WWW-Authenticate") == [each.encode() for each in challenges]
        assert rig.upstream.tokens == ["token_1"]
        assert rig.authorization_server.granted == 1
        assert outcomes(rig) == [Recovery.OTHER_CHALLENGE]


@pytest.mark.parametrize(
    "challenges",
    [
        [],
        ["Bearer"],
        ['bearer realm="x", error="invalid_token"'],
        ['Basic realm="x"'],
        ['Token realm="api"'],
        ["Negotiate", 'Basic realm="legacy"'],
        ["Basic realm=x, Digest nonce=y"],
        ['Basic realm="x"', "Bearer"],
        ['Basic realm="x", Bearer realm="y"'],
        ["\xff\xfe((="],
    ],
)
async def test_a_challenge_that_a_new_token_may_meet_recovers(challenges):
    lines = [f"WWW-Authenticate: {challenge}" for challenge in challenges]
    async with Rig() as rig:
        rig.upstream.demand("token_2", refusal=ok(b"no", *lines, status="401 Unauthorized"))

        assert (await rig.get()).status == 200


# ── rule 6, and what never recovers ───────────────────────────────────────────────────────────────────


async def test_a_403_recovers_only_where_the_route_says_so():
    def routes(rig):
        return [rig.route("/strict"), rig.route("/wide", recover_on=frozenset({401, 403}))]

    async with Rig(routes=routes) as rig:
        rig.upstream.demand("token_2", refusal=ok(b"dead token", status="403 Forbidden"))
        assert (await rig.get("/strict")).status == 403
        assert rig.authorization_server.granted == 1
        assert (await rig.get("/wide")).status == 200
        assert rig.upstream.tokens == ["token_1", "token_1", "token_2"]


async def test_a_401_on_a_route_without_a_client_passes():
    async with Rig(CHALLENGE, routes=lambda rig: [rig.route(has_token=False)]) as rig:
        assert (await rig.get()).status == 401
        assert len(rig.upstream.requests) == 1
        assert rig.authorization_server.saw_nothing


async def test_a_401_for_the_callers_own_authorization_passes():
    routes = lambda rig: [rig.route(authorization=CallerAuthorization.KEEP)]  # noqa: E731
    async with Rig(CHALLENGE, routes=routes) as rig:
        assert (await rig.get("/", "Authorization: Bearer mine")).status == 401
        assert rig.upstream.tokens == ["mine"]
        assert rig.authorization_server.granted == 1


# ── no new token is to be had ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (DOWN, 503, "token_unavailable"),
        (WRONG_SECRET, 502, "token_refused"),
        (ok(b"<html>"), 502, "token_answer_invalid"),
    ],
    ids=["down", "refused", "nonsense"],
)
async def test_where_no_new_token_is_to_be_had_the_caller_never_sees_the_401(refusal, status, code):
    async with Rig(CHALLENGE) as rig:
        rig.authorization_server.refusal = refusal
        answer = await rig.get()

        assert (answer.status, answer.code) == (status, code)
        assert answer.problem["side"] == "authorization server"
        assert int(answer.head.value("Retry-After")) >= 1
        assert rig.upstream.tokens == ["token_1"]
        assert outcomes(rig) == [Recovery.NO_TOKEN]


async def test_a_recovery_that_waits_too_long_is_answered_504():
    routes = lambda rig: [rig.route(timeouts=Timeouts(response_s=1.3))]  # noqa: E731
    async with Rig(CHALLENGE, routes=routes) as rig:
        rig.authorization_server.gate.clear()
        answer = await rig.get()

        assert (answer.status, answer.code) == (504, "token_timeout")


# ── the connection after it all ───────────────────────────────────────────────────────────────────────


async def test_the_body_of_a_refusal_is_not_mistaken_for_the_next_answer():
    """The refused exchange is left in the middle of its answer; its connection must not serve the replay."""

    async def handler(exchange):
        await exchange.body()
        if exchange.token == "token_2":
            exchange.write(ok())
            return
        exchange.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5000\r\n\r\n" + ok(b"evil"))
        await exchange.gone()

    async with Rig(handler) as rig:
        assert (await rig.get()).body == b"ok"
        assert [each.connection for each in rig.upstream.requests] == [1, 2]


async def test_a_refusal_whose_body_has_arrived_leaves_its_connection_for_the_replay():
    async with Rig() as rig:
        rig.upstream.demand("token_2")
        assert (await rig.get()).status == 200
        assert rig.upstream.connections == 1
