"""Tokens under load, and an authorization server that is down, slow, hanging, talking nonsense, coming back."""

import asyncio
import base64
from dataclasses import replace

import pytest

from gateway.core.oauth.token_events import Reason
from gateway.core.settings.route_settings import Timeouts
from tests.wire.messages import ok, request
from tests.wire.rig import CLIENT_SECRET, Rig

DOWN = ok(b"maintenance", status="503 Service Unavailable")


def patient(rig):
    return [rig.route(timeouts=Timeouts(connect_s=120.0, response_s=120.0, idle_s=120.0))]


def impatient(rig):
    return [rig.route(timeouts=Timeouts(response_s=1.0))]


@pytest.mark.time_lapse
async def test_five_hundred_callers_on_a_cold_start_make_one_token_request():
    async with Rig(is_warm=False, client={"timeout_s": 120.0}, routes=patient) as rig:
        rig.authorization_server.gate.clear()
        answers = [asyncio.create_task(rig.get(f"/{number}")) for number in range(500)]
        await rig.authorization_server.until(lambda: rig.authorization_server.requests)
        await asyncio.sleep(1.0)
        assert rig.upstream.saw_nothing, "nothing is forwarded without a token"
        rig.authorization_server.gate.set()

        assert {(await answer).status for answer in answers} == {200}
        assert len(rig.authorization_server.requests) == 1
        assert set(rig.upstream.tokens) == {"token_1"}


async def test_the_token_request_is_the_one_of_the_rfc():
    """RFC 6749 sections 2.3.1 and 4.4.2: credentials in the header, and not in the body as well."""
    async with Rig() as rig:
        asked = rig.authorization_server.requests[0]
        credentials = base64.b64encode(b"mobile_android:" + CLIENT_SECRET.encode())

        assert asked.line == b"POST /token HTTP/1.1"
        assert asked.head.value("Authorization") == b"Basic " + credentials
        assert asked.content == b"grant_type=client_credentials"


@pytest.mark.time_lapse
async def test_a_token_that_expires_under_load_loses_no_request():
    """Lives of 2 s while callers keep coming: the next token is there before the last one ends."""

    async def load():
        caller = await rig.caller()
        while not over.is_set():
            statuses.append((await caller.ask(request("GET", "/"))).status)

    async def accept_the_living(exchange):
        serial = int(exchange.token.removeprefix("token_"))
        is_alive = serial >= rig.authorization_server.granted - 1
        exchange.write(ok() if is_alive else ok(b"no", status="401 Unauthorized"))

    over, statuses = asyncio.Event(), []
    async with Rig(accept_the_living, is_warm=False) as rig:
        rig.authorization_server.grants.expires_in = 2.0
        loads = [asyncio.create_task(load()) for _ in range(8)]
        await rig.told.until(lambda: len(rig.told.obtained) >= 5)
        over.set()
        await asyncio.gather(*loads)

        assert set(statuses) == {200}
        assert rig.told.rejected == []
        # On a machine that stalls, a life may end before its early refresh came to run.
        assert Reason.EARLY in rig.told.reasons
        assert Reason.REJECTED not in rig.told.reasons


@pytest.mark.time_lapse
async def test_a_token_that_nobody_uses_is_not_refreshed():
    async with Rig() as rig:
        rig.authorization_server.grants.expires_in = 1.0
        rig.upstream.demand("token_2")
        await rig.get()
        granted = rig.authorization_server.granted
        await asyncio.sleep(4.0)
        assert rig.authorization_server.granted <= granted + 1

        rig.upstream.script = ok()
        assert (await rig.get()).status == 200
        assert rig.told.reasons[-1] is Reason.EXPIRED


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (DOWN, 503, "token_unavailable"),
        (ok(b"{}", "Retry-After: 7", status="429 Too Many Requests"), 503, "token_unavailable"),
        (ok(b'{"error":"invalid_client"}', status="401 Unauthorized"), 502, "token_refused"),
        (ok(b'{"error":"invalid_scope"}', status="400 Bad Request"), 502, "token_refused"),
        (ok(b"<html>welcome</html>"), 502, "token_answer_invalid"),
        (ok(b'{"access_token": "a b", "token_type": "Bearer"}'), 502, "token_answer_invalid"),
        (ok(b'{"access_token": "a\\r\\nX-Evil: 1", "token_type": "Bearer"}'), 502, "token_answer_invalid"),
        (ok(b'{"access_token": "a", "token_type": "mac"}'), 502, "token_answer_invalid"),
        (ok(b"", "Location: http://127.0.0.1:1/", status="302 Found"), 502, None),
        (b"\x00\x01 garbage\r\n\r\n", 502, None),
        (ok(b'"' + b"a" * 2_000_000 + b'"'), 502, "token_answer_invalid"),
    ],
    ids=["503", "429", "invalid_client", "invalid_scope", "HTML", "a space", "a line end", "mac", "redirect",
         "garbage", "2 MB"],
)  # fmt: skip
async def test_without_a_token_nothing_is_forwarded_and_the_authorization_server_is_blamed(
    refusal, status, code
):
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.refusal = refusal
        answer = await rig.get()
        at_once = await rig.get()

        assert answer.status == at_once.status == status
        assert code is None or answer.code == code
        assert answer.problem["side"] == "authorization server"
        assert int(at_once.head.value("Retry-After")) >= 1
        assert rig.upstream.saw_nothing
        assert len(rig.authorization_server.requests) == 1, "while it rests, callers fail at once"
        assert not answer.closes


async def test_a_retry_after_of_the_authorization_server_is_passed_on():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.refusal = ok(b"", "Retry-After: 40", status="503 Service Unavailable")
        await rig.get()

        assert 30 <= int((await rig.get()).head.value("Retry-After")) <= 40


async def test_an_authorization_server_that_refuses_connections_is_answered_503():
    async with Rig(is_warm=False, client={"timeout_s": 10.0}) as rig:
        await rig.authorization_server.close()
        rig.upstream.demand()
        statuses = {(await rig.get()).status for _ in range(3)}

        assert statuses == {503}
        assert rig.upstream.saw_nothing


@pytest.mark.time_lapse
async def test_an_authorization_server_that_hangs_is_answered_504_and_then_503():
    async with Rig(is_warm=False, client={"timeout_s": 4.0}, routes=impatient) as rig:
        rig.authorization_server.gate.clear()
        answer = await rig.get()
        assert (answer.status, answer.code) == (504, "token_timeout")

        await rig.told.until(lambda: rig.told.failed)
        answer = await rig.get()
        assert (answer.status, answer.code) == (503, "token_unavailable")
        assert answer.head.value("Retry-After") is not None
        assert len(rig.authorization_server.requests) == 1
        assert rig.upstream.saw_nothing


@pytest.mark.time_lapse
async def test_a_slow_authorization_server_is_waited_for():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        answer = asyncio.create_task(rig.get())
        await asyncio.sleep(3.0)
        rig.authorization_server.gate.set()

        assert (await answer).status == 200


@pytest.mark.time_lapse
async def test_an_authorization_server_that_comes_back_is_used_again_by_itself():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.refusal = DOWN
        assert (await rig.get()).status == 503
        rig.authorization_server.refusal = None
        await rig.told.until(lambda: rig.told.obtained)

        assert (await rig.get()).status == 200


@pytest.mark.time_lapse
async def test_a_living_token_goes_on_while_the_authorization_server_is_down():
    """Lives of 10 s: the early refresh fails, and the token is used to its last second."""
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.grants.expires_in = 10.0
        assert (await rig.get()).status == 200
        rig.authorization_server.refusal = DOWN
        await rig.told.until(lambda: rig.told.failed)
        assert (await rig.get()).status == 200
        assert rig.upstream.tokens[-1] == "token_1"

        while (answer := await rig.get()).status == 200:
            await asyncio.sleep(0.3)
        assert answer.status == 503


async def test_a_sick_authorization_server_is_not_asked_by_every_caller():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.refusal = ok(b"", "Retry-After: 600", status="503 Service Unavailable")
        answers = await asyncio.gather(*(rig.get() for _ in range(200)))

        assert {answer.status for answer in answers} == {503}
        assert len(rig.authorization_server.requests) == 1


async def test_routes_with_the_same_grant_share_a_token_and_others_do_not():
    def routes(rig):
        narrow = replace(rig.grant, scope=("orders.read",))
        return [rig.route("/a"), rig.route("/b"), rig.route("/c", grant=narrow)]

    async with Rig(routes=routes) as rig:
        await rig.told.until(lambda: len(rig.told.obtained) == 2)
        for path in ("/a", "/b", "/c"):
            await rig.get(path)
        first, second, third = rig.upstream.tokens

        assert first == second != third
        assert rig.authorization_server.granted == 2


@pytest.mark.time_lapse
async def test_before_a_body_that_cannot_be_replayed_a_dying_token_is_replaced():
    """Rule 3: 30 s to live, or the token's own margin; here 20 % of 20 s."""
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.grants.expires_in = 20.0
        await rig.get()
        rig.authorization_server.gate.clear()  # the early refresh hangs
        await rig.authorization_server.until(lambda: len(rig.authorization_server.requests) == 2)
        long_body = b"x" * 100_000
        assert (await rig.ask(request("POST", "/short", body=b"x"))).status == 200
        waiting = asyncio.create_task(rig.ask(request("POST", "/long", body=long_body)))
        await asyncio.sleep(0.5)
        assert rig.upstream.tokens == ["token_1", "token_1"]
        rig.authorization_server.gate.set()

        assert (await waiting).status == 200
        assert rig.upstream.tokens[-1] == "token_2"
