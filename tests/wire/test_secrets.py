"""No secret occurs in anything that is written: one mixed run, and a search through all of it.

Threats: secrets in logs, and forged log lines.
"""

import asyncio
import io
import json
import logging
from contextlib import contextmanager
from types import GetSetDescriptorType, MemberDescriptorType

import aiohttp
import pytest

from gateway.core.settings.all_settings import LogFormat, LogSettings
from gateway.core.settings.route_settings import CallerAuthorization
from gateway.observe.log import set_up_logging
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import CLIENT_SECRET, LOOPBACK, Rig

pytestmark = pytest.mark.time_lapse

ATTRIBUTES = (
    MemberDescriptorType,
    GetSetDescriptorType,
)  # of a class with slots, and of one that is compiled
CALLERS_SECRET = "the-callers-own-password-77"
QUERY_SECRET = "the-secret-in-the-query-78"
COOKIE_SECRET = "the-secret-in-the-cookie-79"
PROXY_SECRET = "the-proxy-password-80"
TOKEN_PREFIX = "the-access-token-81-"
SERVERS_TEXT = "text-of-the-authorization-server-82"
UPSTREAMS_TEXT = "text-of-the-upstream-83"
BASIC = "bW9iaWxlX2FuZHJvaWQ6"  # how base64 of the client's id begins

SECRETS = [
    CLIENT_SECRET,
    CALLERS_SECRET,
    QUERY_SECRET,
    COOKIE_SECRET,
    PROXY_SECRET,
    TOKEN_PREFIX,
    SERVERS_TEXT,
    UPSTREAMS_TEXT,
    BASIC,
]


@contextmanager
def captured_logs(style):
    """Everything that our own logging set-up writes at its most talkative, and what asyncio says of it."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("gateway", "asyncio", "aiohttp")}
    set_up_logging("debug", style, stream)
    try:
        yield stream
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        for name, old in levels.items():
            logger = logging.getLogger(name)
            logger.setLevel(old)
        for handler in logging.getLogger("gateway").handlers[:]:
            logging.getLogger("gateway").removeHandler(handler)
        logging.getLogger("gateway").propagate = True


async def answers_of(rig, data):
    """All that a caller hears after these bytes."""
    caller = await rig.caller()
    await caller.send(data)
    try:
        async with asyncio.timeout(4.0):
            answer = await caller.answer(data.partition(b" ")[0].decode("latin-1"))
    except (Broken, TimeoutError, AssertionError):
        return b""
    return answer.head.raw + answer.body


def mixed_requests():
    secretive = [
        f"Authorization: Bearer {CALLERS_SECRET}",
        f"Cookie: {COOKIE_SECRET}",
        f"Proxy-Authorization: Basic {PROXY_SECRET}",
    ]
    target = f"/?key={QUERY_SECRET}"
    yield request("GET", target, *secretive)
    yield request("POST", target, *secretive, body=CALLERS_SECRET.encode())
    yield request(
        "POST", target, "Transfer-Encoding: chunked", *secretive, body=chunked(CALLERS_SECRET.encode())
    )
    yield request("GET", f"/a/../b?key={QUERY_SECRET}", *secretive)
    yield request("GET", f"/reject?key={QUERY_SECRET}", *secretive)
    yield request("GET", f"/broken?key={QUERY_SECRET}", *secretive)
    yield request("GET", f"/half?key={QUERY_SECRET}", *secretive)
    yield request("GET", f"/always-401?key={QUERY_SECRET}", *secretive)
    yield request("TRACE", target, *secretive)
    yield request("GET", f"http://user:{CALLERS_SECRET}@a.test/?key={QUERY_SECRET}")
    yield b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer " + CALLERS_SECRET.encode() + b"\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + CALLERS_SECRET.encode() + b"\x00\r\n\r\n"
    yield (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz"
        + CALLERS_SECRET.encode()
        + b"\r\n"
    )
    yield b"GET /?" + QUERY_SECRET.encode() + b" HTTP/9.9\r\n\r\n"


async def upstream(exchange):
    await exchange.body()
    if exchange.target.startswith(b"/broken"):
        exchange.write(f"HTTP/1.1 200 {UPSTREAMS_TEXT}\r\nNo colon {UPSTREAMS_TEXT}\r\n\r\n".encode())
        exchange.close()
    elif exchange.target.startswith(b"/half"):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        exchange.close()
    elif exchange.target.startswith(b"/always-401") or exchange.token.endswith("-1"):
        exchange.write(ok(b"no", status="401 Unauthorized"))
    else:
        exchange.write(ok())


async def shown_by_admin(address):
    shown = []
    async with aiohttp.ClientSession() as session:
        for page in ("/", "/healthz", "/readyz", "/metrics", "/clients", "/routes", "/nothing"):
            async with session.get(f"http://{address}{page}") as answer:
                shown.append(await answer.text())
    return shown


def every_repr(rig):
    """The `repr` of the gateway and of whatever hangs on it, as a debugger or a careless log line shows it."""
    seen, todo, shown = set(), [rig.gateway, rig.settings], []
    while todo:
        thing = todo.pop()
        if id(thing) in seen or len(seen) > 20_000:
            continue
        seen.add(id(thing))
        if type(thing).__module__.startswith("gateway"):
            shown += [repr(thing), str(thing), f"{thing}"]
        if isinstance(thing, dict):
            todo += [*thing.keys(), *thing.values()]
        elif isinstance(thing, (list, tuple, set, frozenset)):
            todo += list(thing)
        elif type(thing).__module__.startswith("gateway"):
            members = [member for kind in type(thing).__mro__ for member in vars(kind).items()]
            names = [name for name, member in members if isinstance(member, ATTRIBUTES)]
            todo += [getattr(thing, name, None) for name in names if not name.startswith("__")]
            todo += list(getattr(thing, "__dict__", {}).values())
    return shown


@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
async def test_no_secret_occurs_in_anything_that_is_written(style, tmp_path):
    log_file = tmp_path / "access.log"

    def routes(rig):
        return [
            rig.route("/"),
            rig.route("/reject", authorization=CallerAuthorization.REJECT),
            rig.route("/broken"),
            rig.route("/half"),
            rig.route("/always-401"),
        ]

    with captured_logs(style) as stream:
        settings = LogSettings("debug", style, str(log_file))
        rig = Rig(upstream, routes=routes, is_warm=False, admin=LOOPBACK, log=settings)
        rig.authorization_server.grants.prefix = TOKEN_PREFIX
        async with rig:
            written = [await answers_of(rig, data) for data in mixed_requests()]
            written += [await answers_of(rig, data) for data in mixed_requests()]
            rig.authorization_server.refusal = ok(
                json.dumps({"error": "invalid_client", "error_description": SERVERS_TEXT}).encode(),
                status="401 Unauthorized",
            )
            rig.upstream.demand()
            written.append(await answers_of(rig, request("POST", "/broken", body=b"x")))
            await rig.told.until(lambda: rig.told.failed or rig.told.records)
            shown = await shown_by_admin(rig.gateway.admin_address)
            shown += every_repr(rig)
            shown += [
                repr(each) + str(each) for each in (*rig.told.records, *rig.told.obtained, *rig.told.failed)
            ]

    everything = {
        "answers": b"".join(written).decode("latin-1"),
        "admin and reprs": "\n".join(shown),
        "log": stream.getvalue(),
        "access log": log_file.read_text(),
    }
    for place, text in everything.items():
        assert text, f"nothing was written to {place}"
        for secret in SECRETS:
            assert secret not in text, f"{secret} stands in {place}: {line_with(secret, text)}"


def line_with(secret, text):
    return next(line for line in text.splitlines() if secret in line)[:300]


async def test_every_line_of_the_access_log_is_one_record_whatever_a_caller_sends(tmp_path):
    log_file = tmp_path / "access.log"
    async with Rig(log=LogSettings("info", LogFormat.JSON, str(log_file))) as rig:
        await rig.ask(request("GET", b"/\xff\xfe\xe2\x80\xa8\xc2\x85x", "X-Request-ID: a"))
        await rig.ask(request("GET", '/"},{"status":200', "X-Request-ID: b"))
        await rig.ask(request("GET", "/%0a%0d{}", 'X-Request-ID: "},{"'))
        await rig.told.until(lambda: len(rig.told.records) == 3)

    lines = log_file.read_text().splitlines()
    assert len(lines) == 3
    assert {json.loads(line)["status"] for line in lines} <= {200, 400}
