"""Heads that callers and upstreams repeat: the gateway remembers what it made of them. Nobody can tell."""

from gateway.core.settings.carriers import MAIN_PART, InCookie
from gateway.core.settings.route_settings import HeaderRules
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

DATE = "Date: Thu, 26 Nov 2026 19:00:00 GMT"  # without one, the gateway adds its own to each answer
TAGGED = HeaderRules(set=(("X-Tag", "ours"),), remove=("Server",))
ROUTES = {"/plain": {}, "/tagged": {"request_headers": TAGGED, "response_headers": TAGGED}}


def routes(rig):
    return [rig.route(path, **members) for path, members in ROUTES.items()]


def known(fields, *varying):
    return [field for field in fields if field[0] not in varying]


async def test_routes_that_alternate_on_one_connection_each_have_their_own_rules():
    async with Rig(ok(b"x", DATE, "Server: s"), routes=routes) as rig:
        alone = {path: (await rig.get(path, "User-Agent: u")).head for path in ROUTES}
        expected = [known(each.head.fields, b"X-Request-ID") for each in rig.upstream.requests]
        caller = await rig.caller()
        for path in ["/plain", "/plain", "/plain", "/tagged", "/tagged", "/plain", "/tagged"]:
            answer = await caller.ask(request("GET", path, "User-Agent: u"))
            assert answer.head == alone[path]
            seen = rig.upstream.requests[-1].head
            assert known(seen.fields, b"X-Request-ID") == expected[path == "/tagged"]
            assert seen.line == b"GET %b HTTP/1.1" % path.encode()


async def test_every_request_of_a_connection_has_an_id_of_its_own():
    async with Rig(ok(b"x", DATE)) as rig:
        caller = await rig.caller()
        for number in range(5):
            await caller.ask(request("GET", f"/{number}"))

        assert len({each.head.value("X-Request-ID") for each in rig.upstream.requests}) == 5


async def test_a_new_token_goes_out_with_repeated_fields():
    async with Rig(ok(b"x", DATE)) as rig:
        caller = await rig.caller()
        for _ in range(3):
            await caller.ask(request("GET", "/"))
        rig.upstream.demand("token_2")
        answer = await caller.ask(request("GET", "/"))

        assert (answer.status, rig.upstream.tokens[-2:]) == (200, ["token_1", "token_2"])
        await caller.ask(request("GET", "/"))
        assert rig.upstream.tokens[-1] == "token_2"


async def test_a_remembered_answer_is_not_what_another_kind_of_caller_gets():
    async with Rig(ok(b"x", DATE)) as rig:
        caller = await rig.caller()
        usual = [await caller.ask(request("GET", "/")) for _ in range(3)]
        leaving = await caller.ask(request("GET", "/", "Connection: close"))
        old = await rig.ask(b"GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n")
        again = await rig.get("/")

        assert [each.closes for each in (*usual, leaving, again)] == [False] * 3 + [True, False]
        assert old.head.value("Connection") == b"keep-alive"
        assert again.head.value("Connection") is None


async def test_answers_that_differ_are_not_mistaken_for_each_other():
    async with Rig(ok(b"x", DATE)) as rig:
        caller = await rig.caller()
        for body in [b"a", b"a", b"a", b"bc", b"a", b"d", b""]:
            rig.upstream.script = ok(body, DATE, f"X-Length: {len(body)}")
            answer = await caller.ask(request("GET", "/"))
            assert (answer.body, answer.head.value("X-Length")) == (body, b"%d" % len(body))


async def test_answers_without_a_date_get_that_of_their_own_moment():
    async with Rig(ok(b"x")) as rig:
        date = b"Thu, 26 Nov 2026 19:00:00 GMT"
        caller = await rig.caller()
        await caller.ask(request("GET", "/"))
        (connection,) = rig.gateway.doors.listeners()[0].connections
        for _ in range(3):
            await caller.ask(request("GET", "/"))
        connection.facts.date = lambda: date
        answer = await caller.ask(request("GET", "/"))

        assert answer.head.value("Date") == date


async def test_a_redirect_leads_each_caller_to_the_host_that_it_asked():
    """With `preserve_host`, the caller's own host decides what is rewritten."""
    answer, members = ok(b"x", DATE, "Location: http://one.test/v2/a"), {"preserves_host": True}
    members |= {"strips_prefix": True, "base_path": "/v2"}
    async with Rig(answer, routes=lambda rig: [rig.route("/crm", **members)]) as rig:
        caller = await rig.caller()
        for host, leads in [*[("one.test", b"/crm/a")] * 3, ("two.test", b"http://one.test/v2/a")]:
            led = await caller.ask(request("GET", "/crm", f"Host: {host}"))
            assert led.head.value("Location") == leads


async def test_cookies_of_ours_in_repeated_answers_reach_no_caller():
    """A route that sends the credential as a cookie: what the upstream sets of it is ours."""
    answer = ok(b"x", DATE, "Set-Cookie: sid=1", "Set-Cookie: b=2")
    async with Rig(answer, routes=lambda rig: [rig.route(send=(InCookie("sid", MAIN_PART),))]) as rig:
        caller = await rig.caller()
        seen = [(await caller.ask(request("GET", "/"))).head.values("Set-Cookie") for _ in range(4)]

        assert seen == [[b"b=2"]] * 4
