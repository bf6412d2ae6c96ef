"""Targets: forwarded byte for byte, or refused where two servers could read them differently.

RFC 9112 section 3.2; RFC 3986 sections 3.3 and 6.2.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.messages import request
from tests.wire.rig import Rig

AMBIGUOUS = [
    "/a/../b",
    "/a/./b",
    "/..",
    "/.",
    "/a/%2e%2e/b",
    "/a/%2E%2e/b",
    "/a/.%2e/b",
    "/a/%2e/b",
    "/a/..;/b",
    "/a/..;x=y/b",
    "/a/.;/b",
    "/a/%2e%2e;/b",
    "/a/..%3b/b",
    "/a/..%2fb",
    "/a%2f..%2fb",
    "/a/%252e%252e/b",
    "/a/%252e%252e%252fb",
    "/a\\b",
    "/a\\..\\b",
    "/a%5C..%5Cb",
    "/a/..%5cb",
    "/a%255c..",
    "/a/..%00",
    "/a/..%2500/b",
    "/a/.%0a./b",
    "/a/%2e%0d%2e",
    "/a/..%09/b",
    "/a/..%3Fb",
]


@pytest.mark.parametrize("path", AMBIGUOUS)
async def test_a_path_with_two_readings_is_refused(path):
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", path))

        assert (answer.status, answer.code) == (400, "ambiguous_path")
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize(
    "path",
    [
        "//admin/users",
        "/public//../admin",
        "/%61dmin/users",
        "/%61%64min",
        "/%2561dmin",
        "/%2fadmin",
        "/admin%2fusers",
        "/public/%2e./admin",
        "///admin",
        "/admin;x=1/users",
        "/admin;/users",
        "/;x/admin",
        "/admin%5cusers",
        "/%5Cadmin",
        "/%255cadmin",
        "/admin%00",
        "/admin%2500x",
        "/admin%0a",
        "/ad%0dmin",
        "/%09admin/users",
        "/admin%7f",
        "/admin%3fx",
        "/admin%23/users",
    ],
)
async def test_a_path_that_could_be_read_as_one_of_another_route_is_refused(path):
    """The route `/` would take these; an upstream that decodes or merges reads `/admin`."""
    async with Rig(routes=lambda rig: [rig.route("/"), rig.route("/admin", has_token=False)]) as rig:
        answer = await rig.get(path)

        assert (answer.status, answer.code) == (400, "ambiguous_path")
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/x",
        "/a//b",
        "/a;b=c",
        "/a%2Fb",
        "/%C3%A9",
        "/a..b",
        "/...",
        "/a.",
        "/users/CORP%5Cjohn",
        "/users/CORP%255cjohn",
        "/a%0ab",
        "/a%0d%0aX-Injected:%201",
        "/a%00b",
        "/a%2500b",
        "/a%09b",
        "/a%7fb",
        "/a%3Fb",
    ],
)
async def test_a_path_with_one_reading_passes(path):
    async with Rig() as rig:
        assert (await rig.get(path)).status == 200
        assert rig.upstream.requests[0].target == path.encode()


async def test_an_absolute_form_replaces_host_and_only_its_path_is_forwarded():
    """RFC 9112 section 3.2.2."""

    def routes(rig):
        return [
            rig.route("/", host="a.test", preserves_host=True),
            rig.route("/", host="b.test", name="b", preserves_host=True),
        ]

    async with Rig(routes=routes) as rig:
        answer = await rig.ask(b"GET http://a.test:8080/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n")

        assert answer.status == 200
        assert rig.upstream.requests[0].line == b"GET /x?y HTTP/1.1"
        assert rig.upstream.requests[0].head.value("Host") == b"a.test:8080"
        assert rig.told.records[0].route == "/"


@pytest.mark.parametrize("target", ["http://a.test", "http://a.test?x"])
async def test_an_absolute_form_without_a_path_asks_for_the_root(target):
    async with Rig() as rig:
        await rig.get(target)

        assert rig.upstream.requests[0].target == b"/" + target[13:].encode()


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
