"""What observers are told of a request: each member is what its name says, and no two of them are alike here."""

import time
from dataclasses import asdict
from ipaddress import ip_network

from gateway.core.http.recovery import Recovery
from gateway.core.settings.proxies import TrustedProxies
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

TRUSTED = TrustedProxies((ip_network("127.0.0.0/8"),))
DURATIONS = ("total_s", "token_s", "upstream_s")


def told(record):
    """The members that no clock makes."""
    return {name: value for name, value in asdict(record).items() if name not in (*DURATIONS, "started_at_s")}


async def test_a_request_that_was_answered_by_its_upstream():
    def routes(rig):
        return [rig.route("/crm", name="to the crm")]

    async with Rig(ok(b"hello", status="201 Created"), routes=routes, trusted_proxies=TRUSTED) as rig:
        sent_at_s = time.time()
        fields = ("X-Request-ID: abc-1", "X-Forwarded-For: 203.0.113.7")
        caller = await rig.caller()
        await caller.ask(request("POST", "/crm/users?q=secret", *fields, body=b"abc"))
        (record,), (token,) = rig.told.records, rig.told.obtained

    assert told(record) == {
        "request_id": "abc-1",
        "route": "to the crm",
        "caller": "127.0.0.1",
        "forwarded_for": "203.0.113.7",
        "method": "POST",
        "path": "/crm/users",
        "status": 201,
        "upstream_status": 201,
        "error": "",
        "request_bytes": 3,
        "answer_bytes": 5,
        "token": token.fingerprint,
        "recovery": Recovery.NONE,
        "cause": "",
        "caller_id": "",
        "tunnel": "",
        "close_code": 0,
        "upstream_address": "",
    }
    assert abs(record.started_at_s - sent_at_s) < 60
    assert record.token_s == 0 < record.upstream_s <= record.total_s


async def test_a_request_whose_upstream_is_not_there():
    async with Rig(routes=lambda rig: [rig.route("/crm", has_token=False)]) as rig:
        await rig.upstream.close()
        await rig.get("/crm/users")
        (record,) = rig.told.records

    assert {**told(record), "request_id": "made by the gateway"} == {
        "request_id": "made by the gateway",
        "route": "/crm",
        "caller": "127.0.0.1",
        "forwarded_for": "",
        "method": "GET",
        "path": "/crm/users",
        "status": 502,
        "upstream_status": 0,
        "error": "upstream_unreachable",
        "request_bytes": 0,
        "answer_bytes": 0,
        "token": "",
        "recovery": Recovery.NONE,
        "cause": "connection_refused",
        "caller_id": "",
        "tunnel": "",
        "close_code": 0,
        "upstream_address": "",
    }
    assert record.token_s == 0 < record.upstream_s <= record.total_s
