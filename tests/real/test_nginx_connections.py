"""Connections to nginx: kept, closed, refused; over TCP, TLS and a unix socket."""

from __future__ import annotations

import asyncio

from tests.oauth.certificates import make_certificate
from tests.real.gateways import gateway
from tests.real.nginx import nginx
from tests.real.nginx_stage import caller, stage
from tests.real.programs import free_port, needs

pytestmark = needs("nginx", "nginx-light")


async def test_a_thousand_requests_in_turn_share_one_connection(tmp_path):
    """nginx closes a connection after its thousandth request (`keepalive_requests`)."""
    async with stage(tmp_path) as on:
        seen = [(await on.get("/number"))[2].split() for _ in range(1100)]

    assert len({connection for connection, _ in seen}) == 2
    assert max(int(number) for _, number in seen) == 1000


async def test_connections_that_nginx_keeps_for_few_requests_lose_none(tmp_path):
    async with stage(tmp_path, "keepalive_requests 3;") as on:
        answers = await asyncio.gather(*(on.send("POST", "/number", data=b"x") for _ in range(200)))

    assert {200} == {status for status, _, _ in answers}


async def test_connections_that_nginx_keeps_for_an_instant_lose_no_get(tmp_path):
    async with stage(tmp_path, "keepalive_timeout 20ms;") as on:
        statuses = []
        for pause_ms in range(10, 30):
            statuses.append((await on.get("/number"))[0])
            await asyncio.sleep(pause_ms / 1000)  # the race is what is tried

    assert {200} == set(statuses)


async def test_nginx_on_a_unix_socket(tmp_path):
    path = tmp_path / "nginx.sock"
    settings = f'server {{ listen unix:{path}; location / {{ return 200 "$host $request_uri"; }} }}'
    port = free_port()
    settings += f"server {{ listen 127.0.0.1:{port}; }}"
    routes = [{"path": "/", "upstream": f"unix:{path}"}]
    async with (
        nginx(tmp_path, settings, port),
        gateway(tmp_path, {"routes": routes}) as running,
        caller() as session,
        session.get(running.url + "/users?a=b") as answer,
    ):
        assert await answer.text() == "localhost /users?a=b"


TLS = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};
        ssl_client_certificate {certificate}; ssl_verify_client {verifies};
        location / {{ return 200 "$ssl_protocol $ssl_client_verify"; }}
    }}
"""


async def ask_over_tls(folder, verifies, tls):
    certificate, key = make_certificate(folder)
    port = free_port()
    settings = TLS.format(port=port, certificate=certificate, key=key, verifies=verifies)
    known = {"ca": str(certificate), "certificate": str(certificate), "key": str(key)}
    route = {"path": "/", "upstream": f"https://127.0.0.1:{port}", "tls": {name: known[name] for name in tls}}
    if not tls:
        del route["tls"]
    async with (
        nginx(folder, settings, port),
        gateway(folder, {"routes": [route]}) as running,
        caller() as session,
        session.get(running.url) as answer,
    ):
        return answer.status, await answer.read()


async def test_nginx_over_tls_is_trusted_by_the_routes_own_authority(tmp_path):
    assert await ask_over_tls(tmp_path, "off", ("ca",)) == (200, b"TLSv1.3 NONE")


async def test_nginx_gets_the_certificate_that_it_demands(tmp_path):
    assert await ask_over_tls(tmp_path, "on", ("ca", "certificate", "key")) == (200, b"TLSv1.3 SUCCESS")


async def test_an_authority_that_nobody_knows_is_not_trusted(tmp_path):
    status, body = await ask_over_tls(tmp_path, "off", ())

    assert (status, b"urn:gateway:error:upstream_tls_failed" in body) == (502, True)


async def test_a_restart_of_nginx_costs_no_more_than_its_absence(tmp_path):
    port = free_port()
    settings = f'server {{ listen 127.0.0.1:{port}; location / {{ return 200 "up"; }} }}'
    routes = [{"path": "/", "upstream": f"http://127.0.0.1:{port}"}]
    statuses = []
    async with gateway(tmp_path, {"routes": routes}) as running, caller() as session:

        async def ask():
            async with session.post(running.url, data=b"x") as answer:
                statuses.append(answer.status)

        async with nginx(tmp_path, settings, port):
            await ask()
        await ask()
        async with nginx(tmp_path, settings, port):
            await ask()

    assert statuses == [200, 502, 200]
