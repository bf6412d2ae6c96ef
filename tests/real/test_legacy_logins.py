"""Logins to programs that nobody here wrote: Django's admin by its form, Deluge's web interface by JSON."""

from __future__ import annotations

import asyncio
import json

from aiohttp import ClientSession, DummyCookieJar

from tests.real import deluge_web as deluge
from tests.real import django_site as django
from tests.real.gateways import gateway

ENVIRON = {"DJANGO": django.PASSWORD, "DELUGE": deluge.PASSWORD}


def of_django(url: str) -> dict[str, object]:
    login = f"{url}/admin/login/"
    return {
        "login": {
            "steps": [
                {"url": login, "take": {"csrf": {"page": "csrfmiddlewaretoken"}}},
                {
                    "url": login,
                    "form": {
                        "username": django.USER,
                        "password": "${env:DJANGO}",
                        "csrfmiddlewaretoken": "${taken:csrf}",
                        "next": "/admin/",
                    },
                    "success": {"status": 302, "location": "/admin/"},
                    "take": {"token": {"cookie": "sessionid"}, "csrf": {"cookie": "csrftoken"}},
                },
            ],
            "logout": {
                "url": f"{url}/admin/logout/",
                "headers": {"X-CSRFToken": "${taken:csrf}"},
                "form": {},
            },
        },
        "send": [
            {"cookie": "sessionid"},
            {"cookie": "csrftoken", "part": "csrf"},
            {"header": "X-CSRFToken", "part": "csrf"},
        ],
    }


def of_deluge(url: str) -> dict[str, object]:
    return {
        "login": {
            "steps": [
                {
                    "url": f"{url}/json",
                    "json": {"method": "auth.login", "params": ["${env:DELUGE}"], "id": 1},
                    "success": {"json": {"/result": True}},
                    "take": {"token": {"cookie": "_session_id"}},
                }
            ],
            "rolling": True,
        }
    }


def document(client: dict[str, object], url: str, recover_on: list[object]) -> dict[str, object]:
    route = {"path": "/", "upstream": url, "client": "legacy", "recover_on": recover_on}
    return {"clients": {"legacy": client}, "routes": [route]}


def callers() -> ClientSession:
    """Callers who keep no cookies: they never learn of the session."""
    return ClientSession(cookie_jar=DummyCookieJar())


async def test_the_admin_of_django(tmp_path):
    dead = [{"status": 302, "location": "/admin/login"}]
    async with django.django_admin(tmp_path) as site:
        whole = document(of_django(site.url), site.url, dead)
        async with gateway(tmp_path, whole, ENVIRON) as running, callers() as session:

            async def get(path: str) -> tuple[int, str]:
                async with session.get(running.url + path, allow_redirects=False) as got:
                    assert not {"sessionid", "csrftoken"} & set(got.cookies)
                    return got.status, await got.text()

            async def add(group: str) -> tuple[int, str]:
                url, form = f"{running.url}/admin/auth/group/add/", {"name": group, "_save": "Save"}
                async with session.post(url, data=form, allow_redirects=False) as got:
                    return got.status, got.headers.get("Location", "")

            status, page = await get("/admin/auth/user/")
            assert (status, "Select user to change" in page) == (200, True)
            assert await add("first") == (302, "/admin/auth/group/")

            assert site.end_sessions() == 1
            await asyncio.sleep(1.0)  # logins are a second apart
            answers = await asyncio.gather(*(get("/admin/auth/group/") for _ in range(10)), add("second"))
            assert {status for status, _ in answers[:-1]} == {200}
            assert answers[-1] == (302, "/admin/auth/group/")
            assert site.groups() == ["first", "second"]
            assert running.tokens("legacy") == 2
            assert site.sessions() == 1
        assert site.sessions() == 0  # logged out at the end


async def test_a_wrong_password_of_django_is_tried_seldom(tmp_path):
    async with django.django_admin(tmp_path) as site:
        whole = document(of_django(site.url), site.url, [401])
        wrong = ENVIRON | {"DJANGO": "wrong"}
        async with gateway(tmp_path, whole, wrong) as running, callers() as session:
            for _ in range(5):
                async with session.get(f"{running.url}/admin/") as got:
                    assert (got.status, (await got.json())["type"].rpartition(":")[2]) == (
                        502,
                        "token_refused",
                    )
            (state,) = running.gateway.generation.sources.states()
            assert state.last_reason == "step 2 of the login: the server answered 200"
            assert state.requests.refused == 1


async def test_the_web_interface_of_deluge(tmp_path):
    dead = [{"status": 200, "json": {"/error/code": 1}}]
    async with deluge.deluge_web(tmp_path) as url:
        whole = document(of_deluge(url), url, dead)
        async with gateway(tmp_path, whole, ENVIRON) as running, callers() as session:

            async def call(method: str, *params: object) -> object:
                headers = {"Content-Type": "application/json"}
                body = deluge.call(method, *params)
                async with session.post(f"{running.url}/json", data=body, headers=headers) as got:
                    assert "_session_id" not in got.cookies
                    answer = json.loads(await got.text())
                    assert answer["error"] is None
                    return answer["result"]

            assert await call("web.connected") is False
            assert await call("auth.delete_session") is True  # the very session that the gateway uses
            await asyncio.sleep(1.0)  # logins are a second apart
            results = await asyncio.gather(*(call("web.get_config") for _ in range(10)))
            assert all(isinstance(result, dict) and "theme" in result for result in results)
            assert running.tokens("legacy") == 2
