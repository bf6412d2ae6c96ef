"""What passes, byte for byte, and how connections are kept. RFC 9110 sections 9, 15; RFC 9112 sections 3, 9."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.settings import CallerAuthorization, Limits
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import Rig


async def test_a_get_passes_with_a_token_and_its_answer_comes_back():
    async with Rig(ok(b'{"users": 3}', "Content-Type: application/json")) as rig:
        answer = await rig.get("/users?page=1", "Accept: */*")

        assert (answer.status, answer.body, answer.framing) == (200, b'{"users": 3}', "length")
        assert answer.head.value("Content-Type") == b"application/json"
        assert rig.upstream.requests[0].line == b"GET /users?page=1 HTTP/1.1"
        assert rig.upstream.tokens == ["token_1"]


async def test_a_post_passes_with_its_body():
    async with Rig() as rig:
        answer = await rig.ask(request("POST", "/users", "Content-Type: text/plain", body=b"Ada"))

        assert answer.status == 200
        assert rig.upstream.requests[0].content == b"Ada"
        assert rig.upstream.requests[0].head.value("Content-Length") == b"3"
        assert rig.upstream.requests[0].head.value("Content-Type") == b"text/plain"


async def test_an_empty_body_keeps_its_length():
    """RFC 9110 section 8.6: servers may ask for a length where POST has none (411)."""
    async with Rig() as rig:
        await rig.ask(request("POST", "/", "Content-Length: 0"))

        assert rig.upstream.requests[0].head.value("Content-Length") == b"0"


async def test_a_get_without_a_body_gets_no_framing_field():
    async with Rig() as rig:
        await rig.get("/")

        assert not {b"content-length", b"transfer-encoding"} & set(rig.upstream.requests[0].head.names)


@pytest.mark.parametrize(
    "method", ["GET", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND", "QUERY", "M-SEARCH"]
)
async def test_any_method_passes_with_and_without_a_body(method):
    async with Rig() as rig:
        caller = await rig.caller()
        assert (await caller.ask(request(method, "/a"))).status == 200
        assert (await caller.ask(request(method, "/b", body=b"abc"))).status == 200

        assert [each.line.split()[0] for each in rig.upstream.requests] == [method.encode()] * 2
        assert [each.content for each in rig.upstream.requests] == [b"", b"abc"]


async def test_a_head_answer_has_the_fields_but_no_body():
    async with Rig(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n") as rig:
        caller = await rig.caller()
        for _ in range(2):
            answer = await caller.ask(request("HEAD", "/"))
            assert (answer.status, answer.head.value("Content-Length")) == (200, b"1234")

        assert rig.upstream.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: x\r\n\r\n",
    ],
    ids=["204", "304", "304 with a length"],
)
async def test_an_answer_that_has_no_body_ends_with_its_head(raw):
    async with Rig(raw) as rig:
        caller = await rig.caller()
        first = await caller.ask(request("GET", "/"))
        second = await caller.ask(request("GET", "/"))

        assert first.status == second.status == int(raw[9:12])
        assert first.head.value("Transfer-Encoding") is None
        assert first.status == 304 or first.head.value("Content-Length") is None
        assert rig.upstream.connections == 1


async def test_an_asterisk_for_the_whole_server_is_passed_to_the_root_route():
    """RFC 9112 section 3.2.4."""
    async with Rig() as rig:
        answer = await rig.ask(request("OPTIONS", "*"))

        assert answer.status == 200
        assert rig.upstream.requests[0].line == b"OPTIONS * HTTP/1.1"


async def test_status_and_reason_pass_unchanged():
    async with Rig(b"HTTP/1.1 299 Quite Fine\r\nContent-Length: 0\r\n\r\n") as rig:
        assert (await rig.get()).head.line == b"HTTP/1.1 299 Quite Fine"


async def test_a_missing_reason_is_no_fault():
    async with Rig(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok") as rig:
        answer = await rig.get()

        assert (answer.status, answer.body) == (200, b"ok")
        assert answer.head.line == b"HTTP/1.1 200 "  # RFC 9112 section 4: the space stays


# ── connections of callers ────────────────────────────────────────────────────────────────────────────


async def test_a_connection_serves_many_requests_and_so_does_the_upstreams():
    async with Rig() as rig:
        caller = await rig.caller()
        for number in range(20):
            assert (await caller.ask(request("GET", f"/{number}"))).status == 200

        assert [each.connection for each in rig.upstream.requests] == [1] * 20


async def test_connection_close_is_heeded():
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", "/", "Connection: close") + request("GET", "/more"))

        assert (answer.status, answer.closes) == (200, True)
        assert await caller.rest() == b""
        assert len(rig.upstream.requests) == 1


async def test_an_empty_line_behind_the_last_request_is_no_fault():
    """RFC 9112 section 2.2: old callers send one behind a body."""
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/", "Connection: close", body=b"abc") + b"\r\n")

        assert (answer.status, answer.closes) == (200, True)


async def test_an_http_1_0_caller_is_answered_and_the_connection_closed():
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(b"GET /old HTTP/1.0\r\n\r\n")

        assert (answer.status, answer.body, answer.framing) == (200, b"ok", "length")
        assert await caller.rest() == b""
        head = rig.upstream.requests[0].head
        assert head.line == b"GET /old HTTP/1.1"
        assert head.value("Host") == b"127.0.0.1:%d" % rig.upstream.port
        assert head.value("Via") == b"1.0 gateway"


async def test_an_http_1_0_caller_may_keep_the_connection():
    async with Rig() as rig:
        caller = await rig.caller()
        for _ in range(3):
            answer = await caller.ask(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            assert answer.status == 200
            assert answer.head.value("Connection") == b"keep-alive"


async def test_fifty_requests_in_one_write_are_answered_in_their_order():
    """Answers that come back in another order would hand one request's data to another."""

    async def late_if_even(exchange):
        number = int(exchange.target[1:])
        if number % 2 == 0:
            await asyncio.sleep(0.002)
        exchange.write(ok(b"%d" % number))

    async with Rig(late_if_even) as rig:
        caller = await rig.caller()
        await caller.send(b"".join(request("GET", f"/{number}") for number in range(50)))

        assert [int((await caller.answer()).body) for _ in range(50)] == list(range(50))


async def test_pipelined_requests_with_bodies_keep_their_bodies():
    async def echo(exchange):
        exchange.write(ok(await exchange.body()))

    async with Rig(echo) as rig:
        caller = await rig.caller()
        await caller.send(b"".join(request("POST", "/", body=b"%d" % number) for number in range(30)))

        assert [int((await caller.answer()).body) for _ in range(30)] == list(range(30))


async def test_a_pipelined_request_behind_chunks_is_served_or_the_close_is_announced():
    """RFC 9112 section 9.6: who closes after an answer says so, or the caller waits for the next one."""
    async with Rig() as rig:
        caller = await rig.caller()
        first = request("POST", "/", "Transfer-Encoding: chunked", body=chunked(b"abc"))
        answer = await caller.ask(first + request("GET", "/next"))

        assert answer.status == 200
        if answer.closes:
            assert await caller.rest() == b""
        else:
            assert (await caller.answer()).status == 200


async def test_requests_that_come_byte_by_byte_are_served():
    async with Rig() as rig:
        caller = await rig.caller()
        data = request("POST", "/slow?q", "X-Foo: bar", body=b"abc") + request("GET", "/next")
        for at in range(len(data)):
            await caller.send(data[at : at + 1])
            await asyncio.sleep(0)

        assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        assert rig.upstream.requests[0].content == b"abc"


async def test_many_callers_are_served_side_by_side():
    async with Rig() as rig:
        answers = await asyncio.gather(*(rig.get(f"/{number}") for number in range(200)))

        assert {answer.status for answer in answers} == {200}
        assert {each.target for each in rig.upstream.requests} == {b"/%d" % n for n in range(200)}


# ── targets ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target",
    [
        "/?",
        "/a?",
        "/a?b=c&b=d",
        "/a?b=%41%2f..%2f",
        "/?/../x",
        "/a?b?c",
        "/a%20b",
        "/%e2%82%ac",
        "/a+b",
        "/~a",
        "/a:b@c",
    ],
)
async def test_a_target_is_forwarded_byte_for_byte(target):
    async with Rig() as rig:
        assert (await rig.get(target)).status == 200
        assert rig.upstream.requests[0].target == target.encode()


PRINTABLE = bytes(byte for byte in range(0x21, 0x7F) if byte not in b"#?\\")
HIGH = bytes(range(0x80, 0x100))
SEGMENTS = st.lists(
    st.sampled_from([bytes([byte]) for byte in PRINTABLE + HIGH]) | st.just(b"%C3%A9"), max_size=12
)


@given(
    path=st.lists(SEGMENTS.map(b"".join), min_size=1, max_size=4).map(lambda parts: b"/" + b"/".join(parts)),
    query=st.none()
    | st.lists(st.sampled_from([bytes([b]) for b in PRINTABLE + HIGH + b"?\\"])).map(b"".join),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_path_and_query_are_identical_on_both_sides_or_refused(path, query):
    """Whatever bytes: either they arrive as they were sent, or the request is refused as the caller's fault."""
    target = path if query is None else path + b"?" + query
    async with Rig(is_warm=False) as rig:
        answer = await rig.ask(request("GET", target))

        if answer.status == 200:
            assert rig.upstream.requests[0].target == target
        else:
            assert answer.status == 400
            assert rig.upstream.saw_nothing


@pytest.mark.parametrize(
    "target", [b"/caf\xc3\xa9", b"/caf\xe9", b"/\xe2\x82\xac?q=\xff", b"/a?q=caf\xc3\xa9"]
)
async def test_bytes_above_ascii_in_a_target_pass_or_are_refused_but_never_change(target):
    async with Rig() as rig:
        answer = await rig.ask(request("GET", target))

        assert answer.status in (200, 400)
        assert [each.target for each in rig.upstream.requests] == ([target] if answer.status == 200 else [])


@pytest.mark.parametrize(
    ("route", "target", "forwarded"),
    [
        ({"path": "/crm"}, "/crm/users?a", b"/crm/users?a"),
        ({"path": "/crm", "base_path": "/occ/v2"}, "/crm/users", b"/occ/v2/crm/users"),
        ({"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}, "/crm/users?", b"/occ/v2/users?"),
        ({"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}, "/crm", b"/occ/v2"),
        ({"path": "/crm", "base_path": "/occ/v2", "strips_prefix": True}, "/crm/", b"/occ/v2/"),
        ({"path": "/crm", "strips_prefix": True}, "/crm", b"/"),
        ({"path": "/crm", "strips_prefix": True}, "/crm?a", b"/?a"),
        ({"path": "/crm", "strips_prefix": True}, "/crm/%2Fa", b"/%2Fa"),
        ({"path": "/", "base_path": "/occ"}, "/", b"/occ/"),
        ({"path": "/", "base_path": "/occ", "strips_prefix": True}, "/a", b"/occ/a"),
    ],
)
async def test_base_path_goes_in_front_and_the_prefix_is_stripped(route, target, forwarded):
    async with Rig(routes=lambda rig: [rig.route(**route)]) as rig:
        assert (await rig.get(target)).status == 200
        assert rig.upstream.requests[0].target == forwarded


# ── routing ───────────────────────────────────────────────────────────────────────────────────────────


def many_routes(rig):
    return [
        rig.route("/", name="any"),
        rig.route("/crm", name="crm"),
        rig.route("/crm/deep", name="deep", methods=frozenset({"POST"})),
        rig.route("/", name="host", host="crm.test"),
        rig.route("/", name="wild", host="*.example.test"),
        rig.route("/only", name="only", host="only.test", methods=frozenset({"GET", "PUT"})),
    ]


@pytest.mark.parametrize(
    ("method", "host", "target", "route"),
    [
        ("GET", "x.test", "/", "any"),
        ("GET", "x.test", "/crm", "crm"),
        ("GET", "x.test", "/crm/a", "crm"),
        ("GET", "x.test", "/crmx", "any"),
        ("POST", "x.test", "/crm/deep/er", "deep"),
        ("GET", "x.test", "/crm/deep/er", "crm"),
        ("GET", "crm.test", "/x", "host"),
        ("GET", "CRM.Test:8080", "/x", "host"),
        ("GET", "crm.test.", "/x", "host"),
        ("GET", "a.example.test", "/x", "wild"),
        ("GET", "a.b.example.test", "/x", "wild"),
        ("GET", "example.test", "/x", "any"),
        ("PUT", "only.test", "/only", "only"),
    ],
)
async def test_the_most_specific_route_wins(method, host, target, route):
    async with Rig(routes=many_routes) as rig:
        assert (await rig.ask(request(method, target, f"Host: {host}"))).status == 200
        assert rig.told.records[0].route == route


async def test_no_route_is_a_problem_that_names_the_gateway():
    """RFC 9457, RFC 9209."""
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        answer = await rig.get("/other", "X-Request-ID: my-id-1")

        assert (answer.status, answer.code) == (404, "no_route")
        assert answer.problem["request_id"] == "my-id-1"
        assert answer.problem["side"] == "caller"
        assert answer.problem["status"] == 404
        assert answer.head.value("X-Request-ID") == b"my-id-1"
        assert (
            answer.head.value("Proxy-Status") == b'gateway; error=destination_not_found; details="no_route"'
        )
        assert answer.head.value("Date") is not None
        assert not answer.closes
        assert rig.upstream.saw_nothing


async def test_a_method_that_no_route_allows_is_answered_405_with_allow():
    async with Rig(routes=lambda rig: [rig.route("/crm", methods=frozenset({"POST", "GET"}))]) as rig:
        answer = await rig.ask(request("DELETE", "/crm"))

        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.head.value("Allow") == b"GET, POST"


async def test_a_problem_for_head_has_no_body():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("HEAD", "/other"))
        next_answer = await caller.ask(request("GET", "/crm"))

        assert (answer.status, next_answer.status) == (404, 200)


async def test_a_connection_goes_on_after_a_problem_that_is_no_malformed_request():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        await caller.send(
            request("GET", "/other") + request("GET", "/crm") + request("POST", "/no", body=b"abc")
        )

        assert [(await caller.answer()).status for _ in range(3)] == [404, 200, 404]


async def test_a_refused_request_whose_body_is_still_to_come_ends_the_connection():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/other", "Content-Length: 100"))
        await caller.send(request("GET", "/crm") + b"a" * 100)

        assert (answer.status, answer.closes) == (404, True)
        assert await caller.rest() == b""
        assert rig.upstream.saw_nothing


async def test_the_callers_authorization_is_rejected_where_the_route_says_so():
    routes = lambda rig: [rig.route(authorization=CallerAuthorization.REJECT)]  # noqa: E731
    async with Rig(routes=routes) as rig:
        answer = await rig.get("/", "Authorization: Bearer mine")

        assert (answer.status, answer.code) == (403, "authorization_not_allowed")
        assert rig.upstream.saw_nothing


async def test_a_caller_who_pipelines_and_does_not_read_is_not_served_without_bound():
    """Every answer is buffered for somebody who may never take it: the queue must stop the reading."""
    async with Rig(ok(b"a" * 100_000)) as rig:
        caller = await rig.caller()
        caller.write(request("GET", "/") * 1000)
        await caller.writer.drain()
        served = await until_it_stands_still(lambda: len(rig.upstream.requests))

        assert served < 200  # 20 MB; sockets on the loopback take some megabytes


async def test_a_caller_who_pipelines_refused_requests_and_does_not_read_is_stopped():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        caller.write(request("GET", "/other") * 60_000)
        served = await until_it_stands_still(lambda: len(rig.told.records))

        assert served < 60_000, "27 MB of refusals are kept for somebody who does not read"


async def test_a_method_that_is_not_known_is_answered_501():
    async with Rig() as rig:
        answer = await rig.ask(request("FOO", "/"))

        assert (answer.status, answer.code) == (501, "method_unsupported")
        assert rig.upstream.saw_nothing


async def until_it_stands_still(count):
    """The value of `count` once it has not moved for a while."""
    last = -1
    while last != (now := count()):
        last = now
        await asyncio.sleep(0.2)
    return last


async def test_a_request_that_never_becomes_one_is_told_once():
    async with Rig(limits=Limits(head_timeout_s=5.0)) as rig:
        caller = await rig.caller()
        caller.write(b"GET / HTTP/1.1\r\n")
        caller.leave()
        with pytest.raises(Broken):
            await caller.answer()

        assert rig.told.records == []
