"""Upstreams that the credential names, over real sockets and by both ways.

The access token itself is the name here, as no other part comes from the fake authorization server.
"""

from __future__ import annotations

import json
import socket

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.settings.instances import InstancePattern, InstanceSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

pytestmark = pytest.mark.time_lapse

REFUSAL = ok(b"no", status="401 Unauthorized")


def here(host, port, *args, **kwargs):
    """Every name of the tests is this machine."""
    return socket.getaddrinfo("127.0.0.1" if str(host).endswith(".test") else host, port, *args, **kwargs)


def routes(scheme=Scheme.HTTP, **members):
    def make(rig):
        known = {
            "upstream": UpstreamSettings(scheme, "{token.token}", 443, ca_file=members.get("ca_file")),
            "instances": InstanceSettings(
                "token", (InstancePattern("*.instances.test", rig.upstream.port),), is_host=True
            ),
            "base_path": "/v2",
        }
        return [rig.route("/crm", **known)]

    return make


def rig_of(*names, script=None, **members):
    """A rig whose tokens name these hosts, in turn; the last one stays."""
    rig = Rig(script, **({"routes": routes(), "get_addr_info": here} | members))

    async def grant(exchange):
        await exchange.body()
        server = rig.authorization_server
        server.granted += 1
        token = names[min(server.granted, len(names)) - 1].format(port=rig.upstream.port)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        exchange.write(ok(json.dumps(answer).encode(), "Content-Type: application/json"))

    rig.authorization_server.script = grant
    return rig


async def test_a_request_goes_to_the_upstream_that_its_credential_names():
    async with rig_of("a.instances.test:{port}") as rig:
        for _ in range(2):
            assert (await rig.get("/crm/x?y")).status == 200
        head = rig.upstream.requests[0].head
        assert head.line == b"GET /v2/crm/x?y HTTP/1.1"
        assert head.value("Host") == b"a.instances.test:%d" % rig.upstream.port
        assert rig.upstream.connections == 1


async def test_a_replay_goes_where_the_new_credential_points():
    async def guard(exchange):
        await exchange.body()
        exchange.write(ok() if exchange.token.startswith("b.") else REFUSAL)

    async with rig_of("a.instances.test:{port}", "b.instances.test:{port}", script=guard) as rig:
        answer = await rig.ask(request("POST", "/crm", body=b"x"))
        hosts = [each.head.value("Host").partition(b":")[0] for each in rig.upstream.requests]
        assert (answer.status, hosts) == (200, [b"a.instances.test", b"b.instances.test"])
        assert rig.told.records[0].recovery is Recovery.RECOVERED
        assert (await rig.get("/crm")).status == 200
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 3)


@pytest.mark.parametrize(
    "name",
    ["evil.test:{port}", "instances.test:{port}", "127.0.0.1:{port}", "a.instances.test", "a@b", "//x"],
)
async def test_a_credential_that_names_another_server_goes_nowhere(name):
    async with rig_of(name) as rig:
        answer = await rig.get("/crm")
        assert (answer.status, answer.code) == (502, "instance_not_allowed")
        assert rig.upstream.saw_nothing
        assert rig.upstream.connections == 0
        assert name.partition(":")[0].encode() not in answer.body


async def test_a_replacement_that_names_another_server_goes_nowhere():
    async with rig_of("a.instances.test:{port}", "evil.test:{port}", script=REFUSAL) as rig:
        answer = await rig.get("/crm")
        assert (answer.status, answer.code) == (502, "instance_not_allowed")
        assert len(rig.upstream.requests) == 1


async def test_the_certificate_must_have_the_instances_own_name(tmp_path):
    authority = Authority.make(tmp_path)
    context = server_context(authority.leaf("a.instances.test"))
    made = routes(Scheme.HTTPS, ca_file=authority.ca_file)
    async with rig_of("a.instances.test:{port}", routes=made, upstream_tls=context) as rig:
        assert (await rig.get("/crm")).status == 200
    async with rig_of("b.instances.test:{port}", routes=made, upstream_tls=context) as rig:
        answer = await rig.get("/crm")
        assert (answer.status, answer.code) == (502, "upstream_tls_failed")


async def test_nothing_of_it_is_left_when_the_gateway_ends():
    async with rig_of("a.instances.test:{port}") as rig:
        await rig.get("/crm")
        assert rig.upstream.open == 1
        await rig.gateway.close()
        await rig.upstream.until(lambda: not rig.upstream.open)


async def test_an_idle_connection_to_an_instance_is_swept():
    async with rig_of("a.instances.test:{port}") as rig:
        await rig.get("/crm")
        await rig.upstream.until(lambda: not rig.upstream.open)
