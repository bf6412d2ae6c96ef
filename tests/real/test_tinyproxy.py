"""tinyproxy between the gateway and its upstream."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.real.certificates import Authority
from tests.real.gateways import gateway
from tests.real.programs import find, free_port, needs, running
from tests.real.upstreams import echo, serving, values

pytestmark = needs("tinyproxy", "tinyproxy-bin")

SETTINGS = """\
Port {port}
Listen 127.0.0.1
Timeout 10
Allow 127.0.0.1
BasicAuth gateway hunter2
ConnectPort {upstream}
"""


@asynccontextmanager
async def stage(folder, user="gateway:hunter2@", *, allowed=None, context=None, **keys):
    port = free_port()
    async with serving(echo, context) as upstream:
        settings = folder / "tinyproxy.conf"
        settings.write_text(SETTINGS.format(port=port, upstream=allowed or upstream))
        command = [find("tinyproxy", "tinyproxy-bin"), "-d", "-c", settings]
        route = {
            "path": "/",
            "upstream": f"http{'s' if context else ''}://127.0.0.1:{upstream}",
            "proxy": f"http://{user}127.0.0.1:{port}",
        }
        async with (
            running(command, folder / "tinyproxy.log", port),
            gateway(folder, {"routes": [route | keys]}) as behind,
            aiohttp.ClientSession() as session,
        ):
            yield behind.url, session


@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
async def test_requests_go_through_it_whole(tmp_path, is_tls):
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    keys = {"tls": {"ca": str(authority.file)}} if is_tls else {}
    async with stage(tmp_path, context=context if is_tls else None, **keys) as (url, session):
        for _ in range(2):
            async with session.post(url + "/a?b", data=b"x" * 100_000) as answer:
                told = await answer.json()
                assert (told["target"], told["bytes"]) == ("/a?b", 100_000)
                assert values(told, "proxy-authorization") == []


async def test_a_group_goes_through_it_but_for_what_is_exempt_and_an_address_that_it_cannot_reach_is_ejected(
    tmp_path,
):
    port, nobody = free_port(), free_port()
    async with serving(echo) as proxied, serving(echo) as direct:
        settings = tmp_path / "tinyproxy.conf"
        ports = f"ConnectPort {proxied}\nConnectPort {nobody}\n"
        settings.write_text(SETTINGS.format(port=port, upstream=1) + ports)
        command = [find("tinyproxy", "tinyproxy-bin"), "-d", "-c", settings]
        group = {
            "addresses": [f"http://127.0.0.1:{each}" for each in (proxied, nobody, direct)],
            "proxy": f"http://gateway:hunter2@127.0.0.1:{port}",
            "no_proxy": [f"127.0.0.1:{direct}"],
            "balance": "round_robin",
            "eject": {"after": 1},
        }
        document = {"upstreams": {"orders": group}, "routes": [{"path": "/", "upstream": "orders"}]}
        async with (
            running(command, tmp_path / "tinyproxy.log", port),
            gateway(tmp_path, document) as behind,
            aiohttp.ClientSession() as session,
        ):
            hosts = set()
            for _ in range(6):
                async with session.get(behind.url + "/a") as answer:
                    assert answer.status == 200
                    hosts.update(values(await answer.json(), "host"))
    assert hosts == {f"127.0.0.1:{proxied}", f"127.0.0.1:{direct}"}
    log = (tmp_path / "tinyproxy.log").read_text()
    assert f"127.0.0.1:{direct}" not in log
    assert log.count(f"CONNECT 127.0.0.1:{nobody}") == 1


@pytest.mark.parametrize(
    ("user", "allowed", "words"),
    [
        ("", None, "demands a user and a password, or refuses those in `proxy` (407)"),
        ("gateway:wrong@", None, "refuses the user and the password in `proxy` (401)"),
        ("gateway:hunter2@", 1, "does not allow connections to this upstream (403)"),
    ],
)
async def test_what_it_refuses_is_told_as_its_refusal(tmp_path, user, allowed, words):
    async with stage(tmp_path, user, allowed=allowed) as (url, session), session.get(url) as answer:
        problem = await answer.json()
        assert (answer.status, problem["type"]) == (502, "urn:gateway:error:upstream_proxy_failed")
        assert words in problem["detail"]
