"""Authlib's authorization server, the second one that nobody here wrote."""

from __future__ import annotations

import random
import time
from asyncio import get_running_loop

import pytest
from aiohttp import ClientSession, web

from gateway.config import load
from gateway.core.clock import Clock
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from tests.oauth.fakes import KEY
from tests.oauth.keys import pem
from tests.real.authlib_server import AUDIENCE, BASIC, POST, SECRET, Server
from tests.real.gateways import gateway, write_configuration
from tests.real.upstreams import serving


async def answer(folder, **keys: object) -> tuple[int, str, Server]:
    """What a caller gets through a gateway whose client is `keys`."""

    async def upstream(request):
        return web.Response(text=request.headers["Authorization"])

    login = Server()
    async with serving(login) as token_port, serving(upstream) as port, ClientSession() as session:
        client = {"token_endpoint": f"http://127.0.0.1:{token_port}/token", "scope": "orders.read"} | keys
        route = {"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}
        document = {"clients": {"crm": client}, "routes": [route]}
        async with gateway(folder, document) as running, session.get(running.url) as got:
            return got.status, await got.text(), login


@pytest.mark.parametrize("kind", ["rsa", "p256"])
async def test_private_key_jwt(tmp_path, kind):
    keys = {
        "client_id": kind,
        "token_endpoint_auth_method": "private_key_jwt",
        "private_key": pem(kind),
        "assertion_audience": AUDIENCE,
    }
    status, text, login = await answer(tmp_path, **keys)

    assert (status, text) == (200, "Bearer access_token_1")
    assert len(login.assertion.seen) == 1


async def test_an_assertion_for_another_audience_is_refused(tmp_path):
    keys = {
        "client_id": "rsa",
        "token_endpoint_auth_method": "private_key_jwt",
        "private_key": pem("rsa"),
    }
    status, _, login = await answer(tmp_path, **keys)

    assert (status, login.tokens) == (502, [])


async def test_client_secret_post(tmp_path):
    keys = {"client_id": "post", "client_secret": SECRET, "token_endpoint_auth_method": POST}
    status, text, _ = await answer(tmp_path, **keys)

    assert (status, text) == (200, "Bearer access_token_1")


async def test_client_secret_basic(tmp_path):
    status, text, _ = await answer(tmp_path, client_id="basic", client_secret=SECRET)

    assert (status, text) == (200, "Bearer access_token_1")


@pytest.mark.parametrize(("registered", "configured"), [(POST, BASIC), (BASIC, POST)])
async def test_the_method_that_is_registered_is_found_by_the_doctor(tmp_path, registered, configured):
    async with serving(Server()) as port:
        client = {
            "token_endpoint": f"http://127.0.0.1:{port}/token",
            "client_id": registered.rpartition("_")[2],
            "client_secret": SECRET,
            "token_endpoint_auth_method": configured,
            "scope": "orders.read",
        }
        route = {"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm"}
        settings = load(write_configuration(tmp_path, {"clients": {"crm": client}, "routes": [route]}), {})
        clock = Clock(get_running_loop().time, time.time, random.random)
        report = await examine(settings.clients["crm"], clock, KEY)

    assert (report.has_token, report.remedy) == (False, f"token_endpoint_auth_method: {registered}")
    assert (
        f"tried token_endpoint_auth_method: {registered}: accepted; write this in gateway.yaml"
        in render_text(report)
    )
    assert SECRET not in render_text(report) + render_json(report) + repr(report)


@pytest.mark.parametrize("subject", ["rsa", "somebody@example.com"])
async def test_an_assertion_as_the_grant(tmp_path, subject):
    keys = {
        "client_id": "rsa",
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "private_key": pem("rsa"),
        "assertion_audience": AUDIENCE,
        "assertion_subject": subject,
    }
    status, text, login = await answer(tmp_path, **keys)

    assert (status, text, login.subjects) == (200, "Bearer access_token_1", [subject])
