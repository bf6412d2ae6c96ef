"""The handshake of WebSocket (RFC 6455 section 4)."""

import pytest

from gateway.core.errors import MalformedRequest
from gateway.core.http.request_head import HeadReader
from gateway.core.http.websocket import accept_of, is_accepted, offered_key
from gateway.core.settings.all_settings import Limits

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def head(fields, method="GET", version=(1, 1)):
    raw = [(b"Host", b"a"), *((name.encode(), value.encode()) for name, value in fields)]
    return HeadReader(Limits()).read(method, "/", version, raw)


def test_the_key_of_the_rfc_gives_its_accept():
    assert accept_of(KEY.encode()) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "fields",
    [
        GOOD,
        GOOD | {"Connection": "keep-alive, upgrade"},
        GOOD | {"Upgrade": "WebSocket"},
        GOOD | {"Content-Length": "0"},
    ],
)
def test_an_offer_is_one(fields):
    asked = head(fields.items())

    assert asked.wants_websocket
    assert asked.offers_upgrade
    assert offered_key(asked) == KEY.encode()


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        (GOOD | {"Connection": "keep-alive"}, (1, 1)),
        (GOOD | {"Upgrade": "h2c"}, (1, 1)),
        (GOOD | {"Upgrade": "h2c, websocket"}, (1, 1)),
        (GOOD, (1, 0)),
        ({"Upgrade": "websocket"}, (1, 1)),
    ],
)
def test_what_offers_nothing_is_a_request_as_all_others(fields, version):
    assert not head(fields.items(), version=version).wants_websocket


BROKEN = {
    "another method": (GOOD.items(), "POST"),
    "a body": ([*GOOD.items(), ("Content-Length", "5")], "GET"),
    "chunks": ([*GOOD.items(), ("Transfer-Encoding", "chunked")], "GET"),
    "no version": ([each for each in GOOD.items() if "Version" not in each[0]], "GET"),
    "an old version": ((GOOD | {"Sec-WebSocket-Version": "8"}).items(), "GET"),
    "no key": ([each for each in GOOD.items() if "Key" not in each[0]], "GET"),
    "two keys": ([*GOOD.items(), ("sec-websocket-key", KEY)], "GET"),
    "a short key": ((GOOD | {"Sec-WebSocket-Key": "c2hvcnQ="}).items(), "GET"),
    "an odd key": ((GOOD | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}).items(), "GET"),
    "a key with a space": ((GOOD | {"Sec-WebSocket-Key": "dGhlIHNhbXBs ZSBub25jZQ=="}).items(), "GET"),
}


@pytest.mark.parametrize(("fields", "method"), BROKEN.values(), ids=BROKEN)
def test_a_handshake_that_servers_could_read_differently_is_refused(fields, method):
    with pytest.raises(MalformedRequest):
        offered_key(head(fields, method))


ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SPECIAL = {b"upgrade": b"websocket", b"connection": b"Upgrade"}


@pytest.mark.parametrize(
    ("lines", "special", "found"),
    [
        ([ACCEPT], SPECIAL, True),
        ([b"Server: a", ACCEPT.lower().replace(b"s3pplmbitxaq9kygzzhzrbk+xoo=", ACCEPT[22:])], SPECIAL, True),
        ([ACCEPT], SPECIAL | {b"connection": b"keep-alive, upgrade"}, True),
        ([], SPECIAL, False),
        ([ACCEPT, ACCEPT], SPECIAL, False),
        ([b"Sec-WebSocket-Accept: bm90IHRoaXM="], SPECIAL, False),
        ([ACCEPT], SPECIAL | {b"upgrade": b"h2c"}, False),
        ([ACCEPT], SPECIAL | {b"upgrade": b"websocket, h2c"}, False),
        ([ACCEPT], {b"upgrade": b"websocket"}, False),
        ([ACCEPT], {b"connection": b"upgrade"}, False),
    ],
)
def test_only_an_answer_to_this_very_request_begins_a_tunnel(lines, special, found):
    assert is_accepted(lines, special, KEY.encode()) is found
