"""A refused token is suspect and no more: one caller's 401 costs no other caller anything."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.http.recovery import BUDGET, KNOWN_S, Recovery
from gateway.core.oauth.token_events import Reason
from gateway.core.settings.all_settings import Limits
from tests.time_lapse import TimeLapseLoop
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

pytestmark = pytest.mark.time_lapse

REFUSAL = ok(b"no", 'WWW-Authenticate: Bearer error="invalid_token"', status="401 Unauthorized")
DOWN = ok(b"maintenance", status="503 Service Unavailable")


def outcomes(rig):
    return [record.recovery for record in rig.told.records]


class Service:
    """An upstream that refuses every token at /private, and tokens that were revoked everywhere else."""

    def __init__(self):
        self.revoked = set()
        self.refused = set()  # ids of requests whose token it refused though it is no private path

    async def __call__(self, exchange):
        await exchange.body()
        is_private = exchange.target.startswith(b"/private")
        is_dead = exchange.token in self.revoked
        if is_dead and not is_private:
            self.refused.add(exchange.head.value("X-Request-ID"))
        exchange.write(REFUSAL if is_private or is_dead else ok())


# ── while the authorization server is down, or slow ───────────────────────────────────────────────


async def test_a_refusal_while_the_authorization_server_is_down_costs_nobody_else_the_token():
    def routes(rig):
        return [rig.route("/"), rig.route("/other")]

    async with Rig(Service(), routes=routes) as rig:
        rig.authorization_server.refusal = DOWN
        assert (await rig.get("/private")).status == 503
        assert [(await rig.get(path)).status for path in ("/a", "/other/a", "/b")] == [200] * 3
        assert rig.authorization_server.granted == 1
        assert outcomes(rig) == [Recovery.NO_TOKEN, *[Recovery.NONE] * 3]


async def test_only_the_refused_request_waits_for_a_slow_authorization_server():
    async with Rig(Service()) as rig:
        rig.authorization_server.gate.clear()
        refused = asyncio.create_task(rig.get("/private"))
        await rig.told.until(lambda: rig.told.rejected)
        for _ in range(3):
            assert (await rig.get("/a")).status == 200
        assert not refused.done()
        assert rig.upstream.tokens == ["token_1"] * 4
        rig.authorization_server.gate.set()
        assert (await refused).status == 401
        assert outcomes(rig)[-1] is Recovery.REJECTED_AGAIN
        assert (await rig.get("/a")).status == 200
        assert rig.upstream.tokens[-1] == "token_2"


async def test_the_upstreams_own_response_passes_where_it_accepted_the_token_since():
    """With all of its body, which stayed unread, though it is longer than what we would buffer."""
    body = b"x" * 600_000
    refusal = ok(body, "WWW-Authenticate: Bearer", status="401 Unauthorized")

    async def handler(exchange):
        exchange.write(refusal if exchange.target == b"/private" else ok())

    async with Rig(handler) as rig:
        rig.authorization_server.gate.clear()
        refused = asyncio.create_task(rig.get("/private"))
        await rig.told.until(lambda: rig.told.rejected)
        assert (await rig.get("/a")).status == 200
        rig.authorization_server.refusal = DOWN
        rig.authorization_server.gate.set()

        answer = await refused
        assert (answer.status, answer.body) == (401, body)
        assert answer.head.value("WWW-Authenticate") == b"Bearer"
        assert outcomes(rig) == [Recovery.NONE, Recovery.TOKEN_LIVES]


async def test_a_late_refusal_of_a_token_obtained_for_the_request_is_replayed_with_the_newer_one():
    """Many servers revoke the old token with each new one: whoever takes long is refused late."""
    answers_late = asyncio.Event()

    async def handler(exchange):
        if exchange.target == b"/slow" and exchange.token == "token_1":
            await answers_late.wait()
        exchange.write(REFUSAL if exchange.token == "token_1" else ok())

    rig = Rig(handler, is_warm=False)
    rig.authorization_server.gate.clear()
    async with rig:
        slow = asyncio.create_task(rig.get("/slow"))
        await rig.works_on(1)
        rig.authorization_server.gate.set()
        await rig.upstream.until(lambda: rig.upstream.requests)
        assert (await rig.get("/a")).status == 200
        answers_late.set()
        assert (await slow).status == 200
        assert rig.upstream.tokens == ["token_1", "token_1", "token_2", "token_2"]
        assert outcomes(rig) == [Recovery.RECOVERED, Recovery.RECOVERED]
        assert rig.authorization_server.granted == 2


async def test_an_acceptance_before_the_refused_request_was_sent_proves_nothing():
    async with Rig(Service()) as rig:
        assert (await rig.get("/a")).status == 200
        rig.authorization_server.refusal = DOWN
        assert (await rig.get("/private")).status == 503


async def test_an_upload_goes_on_where_its_early_refusal_passes_after_all():
    """It was held back for a replay; the upstream reads it to its end, and the caller gets what it says."""
    upload = b"u" * 200_000

    async def handler(exchange):
        if exchange.target == b"/a":
            exchange.write(ok())
            return
        exchange.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\n")
        await exchange.body()
        exchange.write(b"done")

    async with Rig(handler, limits=Limits(replay_bytes=1 << 20)) as rig:
        rig.authorization_server.gate.clear()
        caller = await rig.caller()
        await caller.send(request("POST", "/private", f"Content-Length: {len(upload)}") + upload[:1000])
        await rig.told.until(lambda: rig.told.rejected)
        assert (await rig.get("/a")).status == 200
        await caller.send(upload[1000:])
        rig.authorization_server.refusal = DOWN
        rig.authorization_server.gate.set()

        answer = await caller.answer("POST")
        assert (answer.status, answer.body) == (401, b"done")
        assert rig.upstream.requests[0].content == upload


async def test_the_refusal_of_a_body_that_is_gone_waits_for_the_token_that_the_next_request_needs():
    body = b"x" * 70_000
    async with Rig() as rig:
        rig.upstream.demand("token_2")
        rig.authorization_server.gate.clear()
        refused = asyncio.create_task(rig.ask(request("POST", "/", body=body)))
        await rig.told.until(lambda: rig.told.rejected)
        rig.authorization_server.gate.set()
        assert (await refused).status == 401
        assert (await rig.ask(request("POST", "/", body=body))).status == 200
        assert outcomes(rig) == [Recovery.NOT_REPLAYABLE, Recovery.NONE]


async def test_the_refusal_of_a_body_that_is_gone_passes_though_no_token_is_to_be_had():
    async with Rig(REFUSAL) as rig:
        rig.authorization_server.refusal = DOWN
        answer = await rig.ask(request("POST", "/", body=b"x" * 70_000))

        assert (answer.status, answer.body) == (401, b"no")
        assert outcomes(rig) == [Recovery.NOT_REPLAYABLE]


async def test_a_caller_who_leaves_while_its_refusal_is_held_leaves_nothing_behind():
    async with Rig(Service()) as rig:
        rig.authorization_server.gate.clear()
        caller = await rig.caller()
        await caller.send(request("GET", "/private"))
        await rig.told.until(lambda: rig.told.rejected)
        caller.leave()
        await rig.told.until(lambda: rig.told.records)
        assert rig.told.records[0].status == 499
        rig.authorization_server.gate.set()
        await rig.told.until(lambda: len(rig.told.obtained) == 2)
        assert (await rig.get("/a")).status == 200


async def test_a_refusal_whose_upstream_breaks_off_meanwhile_is_answered_honestly():
    async def handler(exchange):
        if exchange.target == b"/private":
            exchange.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\nhalf")
            await rig.told.until(lambda: rig.told.rejected)
            exchange.reset()
        else:
            exchange.write(ok())

    async with Rig(handler) as rig:
        rig.authorization_server.gate.clear()
        refused = asyncio.create_task(rig.get("/private"))
        await rig.upstream.until(lambda: rig.upstream.open == 0 and rig.upstream.connections)
        assert (await rig.get("/a")).status == 200
        rig.authorization_server.refusal = DOWN
        rig.authorization_server.gate.set()

        assert (await refused).code == "upstream_answer_incomplete"


# ── what is remembered ────────────────────────────────────────────────────────────────────────────


async def test_a_path_that_always_says_401_costs_nothing_more_and_blocks_no_other():
    service = Service()
    async with Rig(service) as rig:
        for number in range(20):
            assert (await rig.get(f"/private?n={number}")).status == 401
            assert (await rig.get("/a")).status == 200
        assert rig.authorization_server.granted == 2

        service.revoked.add("token_2")
        assert (await rig.get("/a")).status == 200, "it was accepted here, and that is news"
        assert rig.authorization_server.granted == 3
        assert (await rig.get("/private")).status == 401
        assert rig.authorization_server.granted == 3


async def test_a_token_revoked_again_and_again_is_replaced_at_once_every_time():
    service = Service()
    async with Rig(service) as rig:
        for number in range(1, 8):
            assert (await rig.get("/a")).status == 200
            service.revoked.add(f"token_{number}")
        assert (await rig.get("/a")).status == 200
        assert rig.authorization_server.granted == 8


async def test_an_upstream_that_refuses_everything_costs_the_budget_and_no_more():
    async with Rig(REFUSAL) as rig:
        for number in range(50):
            assert (await rig.get(f"/{number}")).status == 401
        assert rig.authorization_server.granted == 1 + BUDGET
        assert outcomes(rig) == [*[Recovery.REJECTED_AGAIN] * BUDGET, *[Recovery.HELD] * (50 - BUDGET)]

        await asyncio.sleep(KNOWN_S)
        assert (await rig.get("/new")).status == 401
        assert (await rig.get("/newer")).status == 401
        assert rig.authorization_server.granted == 2 + BUDGET


async def test_a_replica_that_learns_of_a_new_token_late_is_no_permanent_refusal():
    revoked, seen = {"token_1"}, set()

    async def replica(exchange):
        """Refuses each token that is new to it once."""
        is_known = exchange.token in seen
        seen.add(exchange.token)
        exchange.write(ok() if is_known and exchange.token not in revoked else REFUSAL)

    async with Rig(replica) as rig:
        assert (await rig.get()).status == 401
        assert [(await rig.get()).status for _ in range(3)] == [200] * 3
        revoked.add("token_2")
        assert (await rig.get()).status == 401, "the replica is late again"
        assert [(await rig.get()).status for _ in range(3)] == [200] * 3
        assert rig.upstream.tokens[-1] == "token_3"


async def test_a_newer_token_is_used_although_the_budget_is_spent():
    """It costs no token request; the late refusal of the older one says nothing of it."""
    late = asyncio.Event()

    async def handler(exchange):
        if exchange.target == b"/late" and exchange.token == "token_1":
            await late.wait()
            exchange.write(REFUSAL)
        else:
            exchange.write(ok() if exchange.target == b"/late" else REFUSAL)

    async with Rig(handler) as rig:
        waiting = asyncio.create_task(rig.get("/late"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        for number in range(BUDGET + 1):
            assert (await rig.get(f"/{number}")).status == 401
        granted = rig.authorization_server.granted
        late.set()

        assert (await waiting).status == 200
        assert rig.authorization_server.granted == granted


# ── over all orders of events ─────────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.sampled_from(
        ["/a", "/b", "/other", "/private", "/private/2", "revoke", "up", "down", "slow", "settle"]
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_no_request_whose_token_is_accepted_fails_because_of_anothers_refusal(steps):
    """And whoever fails was refused a dead token; and token requests stay a second apart."""
    with asyncio.Runner(loop_factory=TimeLapseLoop) as runner:
        runner.run(_happens(steps))


async def _happens(steps):
    service, asked = Service(), {}
    async with Rig(service, routes=lambda rig: [rig.route("/"), rig.route("/other")]) as rig:
        server = rig.authorization_server
        began_s = asyncio.get_running_loop().time()
        for number, step in enumerate(steps):
            match step:
                case "revoke":
                    service.revoked |= {f"token_{serial}" for serial in range(1, server.granted + 1)}
                case "up" | "down":
                    server.refusal = DOWN if step == "down" else None
                    server.gate.set()
                case "slow":
                    server.gate.clear()
                case "settle":
                    server.gate.set()
                    await asyncio.gather(*(task for _, task in asked.values()))
                case path:
                    name = f"r{number}"
                    asked[name.encode()] = (path, asyncio.create_task(rig.get(path, f"X-Request-ID: {name}")))
                    await asyncio.sleep(0)
        server.gate.set()
        answers = await asyncio.gather(*(task for _, task in asked.values()))
        took_s = asyncio.get_running_loop().time() - began_s

        for (name, (path, _)), answer in zip(asked.items(), answers, strict=True):
            assert answer.status in (200, 401, 502, 503, 504)
            if not path.startswith("/private"):
                assert answer.status == 200 or name in service.refused
        assert len(server.requests) <= 2 + took_s
        assert rig.told.reasons.count(Reason.EXPIRED) == 0
