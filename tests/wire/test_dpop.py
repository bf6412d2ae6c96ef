"""Tokens that are bound to a key, in front of an upstream that verifies every proof. RFC 9449.

Token requests of one source are a second apart, hence the time-lapse loop.
"""

import asyncio

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import CallerAuthorization
from gateway.core.settings.upstream_settings import Scheme
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import chunked, ok, request
from tests.wire.proofs import BoundRig, StrictUpstream, token_of, wanting
from tests.wire.rig import Rig

pytestmark = pytest.mark.time_lapse

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
BODIES = {
    "none": request("POST", "/"),
    "by length": request("POST", "/", body=b"hello"),
    "chunked": request("POST", "/", "Transfer-Encoding: chunked", body=chunked(b"he", b"llo")),
}
OWN_PROOF = "DPoP: the.callers.proof"
INVALID_PROOF = ok(b"no", 'WWW-Authenticate: DPoP error="invalid_dpop_proof"', status="401 Unauthorized")


def keep(rig, **members):
    return rig.route(authorization=CallerAuthorization.KEEP, **members)


def outcomes(rig):
    return [record.recovery for record in rig.told.records]


def tokens(rig):
    return [token_of(each) for each in rig.upstream.requests]


# ── a proof for every exchange ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_goes_out_with_one_proof_of_its_own(method):
    async with BoundRig(upstream := StrictUpstream()) as rig:
        caller = await rig.caller()
        statuses = [(await caller.ask(request(method, "/users?a=b"))).status for _ in range(3)]

        assert statuses == [200, 200, 200]
        assert [claims["htm"] for claims in upstream.claims] == [method] * 3
        assert "nonce" not in upstream.claims[0]


@pytest.mark.parametrize(
    ("members", "target", "path"),
    [
        ({}, "/a%2Fb//c?d=e?f", "/a%2Fb//c"),
        ({"base_path": "/occ/v2"}, "/a?b", "/occ/v2/a"),
        ({"path": "/crm", "strips_prefix": True}, "/crm/users?a=%3F", "/users"),
        ({"path": "/crm", "strips_prefix": True, "base_path": "/v2"}, "/crm?a", "/v2"),
        ({}, "http://gateway.test/a?b", "/a"),
    ],
)
async def test_the_proof_names_the_url_as_the_upstream_sees_it(members, target, path):
    upstream = StrictUpstream()
    async with BoundRig(upstream, routes=lambda rig: [rig.route(**members)]) as rig:
        assert (await rig.get(target)).status == 200
        assert upstream.claims[0]["htu"] == f"http://127.0.0.1:{rig.upstream.port}{path}"


async def test_the_proof_names_the_callers_host_where_the_route_preserves_it():
    upstream = StrictUpstream()
    async with BoundRig(upstream, routes=lambda rig: [rig.route(preserves_host=True)]) as rig:
        assert (await rig.get("/a?b", "Host: CRM.test:81")).status == 200
        assert upstream.claims[0]["htu"] == "http://CRM.test:81/a"


async def test_an_asterisk_is_no_path():
    async with BoundRig(upstream := StrictUpstream()) as rig:
        assert (await rig.ask(request("OPTIONS", "*"))).status == 200
        assert upstream.claims[0]["htu"] == f"http://127.0.0.1:{rig.upstream.port}"


async def test_a_unix_socket_is_spoken_to_by_http(tmp_path):
    upstream = StrictUpstream()
    async with BoundRig(upstream, upstream_path=str(tmp_path / "socket")) as rig:
        assert (await rig.get("/a")).status == 200
        assert upstream.claims[0]["htu"] == "http://localhost/a"


async def test_a_tls_upstream_is_spoken_to_by_https(tmp_path):
    authority = Authority.make(tmp_path)
    upstream = StrictUpstream(scheme="https")

    def routes(rig):
        secure = rig.upstream_settings(scheme=Scheme.HTTPS, ca_file=authority.ca_file)
        return [rig.route(upstream=secure)]

    context = server_context(authority.leaf("127.0.0.1"))
    async with BoundRig(upstream, routes=routes, upstream_tls=context) as rig:
        assert (await rig.get("/a")).status == 200
        assert upstream.claims[0]["htu"] == f"https://127.0.0.1:{rig.upstream.port}/a"


# ── nonces ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", BODIES)
async def test_a_nonce_that_is_asked_for_is_brought_with_the_same_request(kind):
    async with BoundRig(upstream := StrictUpstream(nonce="n1")) as rig:
        answer = await rig.ask(BODIES[kind])
        again = await rig.ask(BODIES[kind])

        assert (answer.status, answer.body, again.status) == (200, b"ok", 200)
        assert upstream.nonces == ["", "n1", "n1"], "the nonce is kept for the requests to come"
        first, second, _ = rig.upstream.requests
        assert (first.content, first.raw_body) == (second.content, second.raw_body)
        assert [line for line in first.head.fields if line[0] != b"DPoP"] == [
            line for line in second.head.fields if line[0] != b"DPoP"
        ]
        assert tokens(rig) == ["token_1"] * 3
        assert rig.nonce_retries == 1


async def test_a_nonce_is_no_recovery():
    """No token is dropped, none is asked for, and the route's next recovery is not held."""
    async with BoundRig(upstream := StrictUpstream(nonce="n1")) as rig:
        await rig.get()
        assert (outcomes(rig), rig.told.rejected, rig.authorization_server.granted) == (
            [Recovery.NONE],
            [],
            1,
        )

        upstream.tokens = ("token_2",)
        assert (await rig.get()).status == 200
        assert outcomes(rig) == [Recovery.NONE, Recovery.RECOVERED]


async def test_a_token_obtained_for_this_very_request_brings_a_nonce_too():
    async with BoundRig(StrictUpstream(nonce="n1"), is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        answer = asyncio.create_task(rig.get())
        await rig.authorization_server.until(lambda: rig.authorization_server.requests)
        await rig.works_on(1)
        rig.authorization_server.gate.set()

        assert (await answer).status == 200
        assert tokens(rig) == ["token_1", "token_1"]


async def test_a_nonce_is_brought_while_recoveries_of_the_route_are_held():
    upstream = StrictUpstream()
    upstream.tokens = ()
    async with BoundRig(upstream) as rig:
        assert (await rig.get()).status == 401
        upstream.tokens, upstream.nonce = None, "n1"

        assert (await rig.get()).status == 200
        assert outcomes(rig) == [Recovery.REJECTED_AGAIN, Recovery.NONE]


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
async def test_the_nonce_of_any_answer_is_used_from_then_on(status):
    """Section 8.2: the server supplies the next one before it is needed."""
    upstream = StrictUpstream()

    async def rotating(exchange):
        upstream.verify(exchange)
        await exchange.body()
        exchange.write(ok(b"ok", f"DPoP-Nonce: n{len(upstream.claims)}", status=status))

    async with BoundRig(rotating) as rig:
        for _ in range(4):
            await rig.get()

        assert upstream.nonces == ["", "n1", "n2", "n3"]
        assert rig.nonce_retries == 0


async def test_many_requests_before_the_first_nonce_is_known_are_all_served():
    async with BoundRig(StrictUpstream(nonce="n1")) as rig:
        answers = await asyncio.gather(*(rig.ask(request("POST", "/", body=b"%d" % n)) for n in range(50)))

        assert {answer.status for answer in answers} == {200}
        assert rig.authorization_server.granted == 1


async def test_an_upstream_that_asks_twice_in_a_row_is_not_asked_a_third_time():
    upstream = StrictUpstream()

    async def insatiable(exchange):
        upstream.verify(exchange)
        await exchange.body()
        exchange.write(wanting(f"n{len(upstream.claims)}"))

    async with BoundRig(insatiable) as rig:
        answer = await rig.get()

        assert (answer.status, answer.body) == (401, b"no")
        assert answer.head.value("WWW-Authenticate").startswith(b'DPoP error="use_dpop_nonce"')
        assert upstream.nonces == ["", "n1"]
        assert outcomes(rig) == [Recovery.OTHER_CHALLENGE]
        assert (rig.nonce_retries, rig.told.rejected, rig.authorization_server.granted) == (1, [], 1)


@pytest.mark.parametrize("nonce", ["", "a b", 'a"b', "caf\xe9", "x" * 1025])
async def test_a_nonce_that_is_missing_or_broken_is_not_tried(nonce):
    async with BoundRig(wanting(nonce)) as rig:
        assert (await rig.get()).status == 401
        assert len(rig.upstream.requests) == 1
        assert (outcomes(rig), rig.authorization_server.granted) == ([Recovery.OTHER_CHALLENGE], 1)


@pytest.mark.parametrize(
    ("status", "challenge"),
    [
        ("400 Bad Request", 'DPoP error="use_dpop_nonce"'),
        ("401 Unauthorized", 'Basic realm="use_dpop_nonce"'),
    ],
)
async def test_only_a_401_with_a_challenge_for_proofs_asks_for_a_nonce(status, challenge):
    refusal = ok(b"no", f"WWW-Authenticate: {challenge}", "DPoP-Nonce: n1", status=status)
    routes = lambda rig: [rig.route(recover_on=frozenset())]  # noqa: E731
    async with BoundRig([refusal, StrictUpstream(nonce="n1")], routes=routes) as rig:
        assert (await rig.get()).status == int(status[:3])
        assert (await rig.get()).status == 200, "the nonce is learned all the same"
        assert rig.nonce_retries == 0


async def test_a_refused_proof_is_not_what_a_new_token_cures():
    async with BoundRig(INVALID_PROOF) as rig:
        assert (await rig.get()).status == 401
        assert len(rig.upstream.requests) == 1
        assert (outcomes(rig), rig.authorization_server.granted) == ([Recovery.OTHER_CHALLENGE], 1)


async def test_each_upstream_has_nonces_of_its_own():
    def routes(rig):
        return [
            rig.route("/a"),
            rig.route("/b"),
            rig.route("/c", upstream=rig.upstream_settings(host="localhost")),
        ]

    async with BoundRig(upstream := StrictUpstream("DPoP-Nonce: n1"), routes=routes) as rig:
        for path in ("/a", "/b", "/c"):
            await rig.get(path)

        assert upstream.nonces == ["", "n1", ""]


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_body_that_cannot_be_replayed_passes_its_401_and_leaves_the_nonce():
    body = b"x" * 100
    async with BoundRig(upstream := StrictUpstream(nonce="n1"), limits=Limits(replay_bytes=99)) as rig:
        refused = await rig.ask(request("POST", "/", body=body))
        served = await rig.ask(request("POST", "/", body=body))

        assert (refused.status, served.status) == (401, 200)
        assert upstream.nonces == ["", "n1"]
        assert (rig.nonce_retries, rig.told.rejected, rig.authorization_server.granted) == (0, [], 1)


async def test_a_body_that_is_still_coming_goes_out_whole_with_the_nonce():
    async with BoundRig(StrictUpstream(nonce="n1", reads_first=False)) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 9") + b"abc")
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 2)
        await caller.send(b"def")
        answer = await caller.ask(b"ghi")

        assert answer.status == 200
        assert rig.upstream.requests[-1].content == b"abcdefghi"


async def test_a_body_that_waits_for_its_invitation_is_sent_once():
    """The expectation goes out again with the nonce; the caller is invited once."""
    upstream = StrictUpstream(nonce="n1")

    async def inviting(exchange):
        assert exchange.head.value("Expect") == b"100-continue"
        if upstream.verify(exchange).get("nonce") != "n1":
            exchange.write(wanting("n1"))
            await exchange.gone()
            return
        exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.write(ok(await exchange.body()))

    async with BoundRig(inviting) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5"))
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"
        answer = await caller.ask(b"hello")

        assert (answer.status, answer.body, answer.interim) == (200, b"hello", [])
        assert upstream.nonces == ["", "n1"]


# ── recovery and dead connections ─────────────────────────────────────────────────────────────────


async def test_a_recovery_is_proven_anew_and_may_be_asked_for_a_nonce_again():
    """Nonce, refused token, new nonce: each of them once, and four proofs."""
    upstream = StrictUpstream(nonce="n1")
    upstream.tokens = ("token_2",)
    steps = iter(["n1", "n1", "n2", "n2"])

    async def stepwise(exchange):
        upstream.nonce = next(steps)
        await upstream(exchange)

    async with BoundRig(stepwise) as rig:
        answer = await rig.ask(request("POST", "/", body=b"hello"))

        assert answer.status == 200
        assert tokens(rig) == ["token_1", "token_1", "token_2", "token_2"]
        assert upstream.nonces == ["", "n1", "n1", "n2"]
        assert {each.content for each in rig.upstream.requests} == {b"hello"}
        assert (outcomes(rig), rig.nonce_retries) == ([Recovery.RECOVERED], 2)


async def test_a_recovery_that_meets_two_more_demands_passes_the_401_and_is_told_as_such():
    upstream = StrictUpstream()

    async def handler(exchange):
        upstream.verify(exchange)
        await exchange.body()
        if token_of(exchange) == "token_1":
            exchange.write(ok(b"no", "WWW-Authenticate: DPoP", status="401 Unauthorized"))
        else:
            exchange.write(wanting(f"n{len(upstream.claims)}"))

    async with BoundRig(handler) as rig:
        assert (await rig.get()).status == 401
        assert tokens(rig) == ["token_1", "token_2", "token_2"]
        assert outcomes(rig) == [Recovery.REJECTED_AGAIN]


async def test_a_request_sent_again_on_a_new_connection_has_a_new_proof():
    """Section 11.1: the upstream may have seen the first one, and would take the same one for a replay."""
    upstream = StrictUpstream()

    async def dying(exchange):
        upstream.verify(exchange)
        exchange.reset()

    async with BoundRig([upstream, dying, upstream]) as rig:
        assert (await rig.get()).status == 200
        assert (await rig.get()).status == 200
        assert [each.connection for each in rig.upstream.requests] == [1, 1, 2]
        assert len({claims["jti"] for claims in upstream.claims}) == 3


async def test_a_caller_who_leaves_while_a_nonce_is_brought_leaves_nothing_behind():
    """The rig fails if a task is left."""
    asked = asyncio.Event()

    async def handler(exchange):
        if len(rig.upstream.requests) == 1:
            exchange.write(wanting("n1"))
            return
        asked.set()
        await exchange.gone()

    async with BoundRig(handler) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await asked.wait()
        caller.leave()
        await rig.told.until(lambda: rig.told.records)

        assert rig.told.records[0].status == 499


# ── what belongs to the caller, and what does not ─────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields", [[OWN_PROOF], [OWN_PROOF, "dpop: two"], [OWN_PROOF, "Authorization: DPoP mine"]]
)
async def test_the_callers_proof_never_goes_out_beside_ours(fields):
    """The upstream verifies the one proof that comes."""
    async with BoundRig(StrictUpstream()) as rig:
        assert (await rig.get("/", *fields)).status == 200


async def test_the_callers_proof_never_goes_out_beside_a_bearer_token():
    async with Rig() as rig:
        await rig.get("/", OWN_PROOF, "Authorization: DPoP mine")

        assert rig.upstream.requests[0].head.values("DPoP") == []
        assert rig.upstream.tokens == ["token_1"]


@pytest.mark.parametrize(
    ("fields", "members", "expected"),
    [
        ([], {}, [b"the.callers.proof"]),
        (["Authorization: DPoP mine"], {}, []),
        (["Authorization: DPoP mine"], {"authorization": CallerAuthorization.KEEP}, [b"the.callers.proof"]),
    ],
)
async def test_a_route_without_a_client_passes_the_callers_proof_with_its_token(fields, members, expected):
    async with Rig(routes=lambda rig: [rig.route(has_token=False, **members)]) as rig:
        await rig.get("/", OWN_PROOF, *fields)

        assert rig.upstream.requests[0].head.values("DPoP") == expected


async def test_where_the_callers_token_is_kept_proof_challenge_and_nonce_are_the_callers():
    async with BoundRig(wanting("n1"), routes=lambda rig: [keep(rig)]) as rig:
        answer = await rig.get("/", OWN_PROOF, "Authorization: DPoP mine")

        assert (answer.status, answer.head.value("DPoP-Nonce")) == (401, b"n1")
        assert [each.head.value("DPoP") for each in rig.upstream.requests] == [b"the.callers.proof"]

        rig.upstream.script = upstream = StrictUpstream()
        assert (await rig.get()).status == 200
        assert upstream.nonces == [""], "the callers' nonce is not ours"


@pytest.mark.parametrize(
    "upstream", [StrictUpstream("DPoP-Nonce: n1", "dpop-nonce: n2"), wanting("n1"), wanting("a b")]
)
async def test_the_nonces_of_our_proofs_are_not_the_callers(upstream):
    async with BoundRig(upstream) as rig:
        assert (await rig.get()).head.values("DPoP-Nonce") == []


async def test_nonces_of_informational_answers_and_trailers_do_not_pass_either():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nDPoP-Nonce: n1\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = early + head + chunked(b"ok", trailers=b"DPoP-Nonce: n2\r\nX-Sum: 1\r\n")
    async with BoundRig(answer) as rig:
        got = await rig.get("/", "TE: trailers", "Connection: TE")

        assert [interim.names for interim in got.interim] == [[b"link"]]
        assert got.trailers == [(b"X-Sum", b"1")]


async def test_a_nonce_passes_where_no_proof_of_ours_was_sent():
    early = b"HTTP/1.1 103 Early Hints\r\nDPoP-Nonce: n0\r\n\r\n"
    for members in ({}, {"routes": lambda rig: [rig.route(has_token=False)]}):
        async with Rig(early + ok(b"ok", "DPoP-Nonce: n1"), **members) as rig:
            answer = await rig.get()
            assert (answer.interim[0].value("DPoP-Nonce"), answer.head.value("DPoP-Nonce")) == (b"n0", b"n1")
