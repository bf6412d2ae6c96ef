"""The recipe of docs/client-authentication/client_secret_basic.md, walked through with real processes.

With the new secret first in the list the counter moves when the *old* one is accepted: who went by it would
remove the secret that is in use.
"""

import asyncio
import base64
import json
import re
import urllib.error
import urllib.request
from urllib.parse import unquote

from tests.oauth.authorization_server import authorization_server, http
from tests.processes import WAIT_S, running

OLD, NEW = "the-old-secret", "the-new-secret"


class Server:
    """Takes the secrets that it `knows`, and gives tokens that live for a second or so."""

    def __init__(self, *known: str) -> None:
        self.known = known
        self.given = 0

    def __call__(self, request) -> bytes:
        credentials = base64.b64decode(request.values(b"authorization")[0].split()[1]).decode()
        if unquote(credentials.partition(":")[2]) not in self.known:
            return http(401, b'{"error": "invalid_client"}')
        self.given += 1
        body = {"access_token": f"access_token_{self.given}", "token_type": "Bearer", "expires_in": 2}
        return http(200, json.dumps(body).encode())


def fetched(child, path: str) -> str:
    with urllib.request.urlopen(f"http://{child.admin}{path}", timeout=10) as answer:
        return answer.read().decode()


def in_use(child):
    return asyncio.to_thread(lambda: json.loads(fetched(child, "/clients"))["clients"][0]["secret_in_use"])


async def test_the_secret_in_use_is_named_all_through_a_rotation(tmp_path):
    (tmp_path / "crm").write_text(OLD)
    (tmp_path / "crm-new").write_text(NEW)
    async with authorization_server() as server:
        server.reply = knows = Server(OLD)
        client = {
            "token_endpoint": f"{server.origin}/token",
            "client_id": "mobile_android",
            "client_secret": ["${file:crm-new}", "${file:crm}"],
        }
        route = {"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm"}
        async with running(tmp_path, {"clients": {"crm": client}, "routes": [route]}) as child:
            told = await child.until_told("was accepted, and is tried first")
            assert "secret 2 of 2 (file:crm of " in told
            shown = await in_use(child)
            assert (shown["number"], shown["source"]) == (2, "file:crm"), "not the one that may go"
            metrics = await asyncio.to_thread(fetched, child, "/metrics")
            assert 'gateway_client_secret_switches_total{client="crm"} 1.0' in metrics, "and yet it moved"
            assert 'gateway_client_secret_in_use{client="crm",secret="2",source="file:crm"} 1.0' in metrics

            knows.known = (NEW,)
            async with asyncio.timeout(WAIT_S):
                while knows.given < 2:  # a caller comes, now and then
                    await asyncio.to_thread(_call, child)
                    await asyncio.sleep(0.1)
            assert "secret 1 of 2 (file:crm-new of " in await child.until_told(
                "was accepted, and is tried first"
            )
            shown = await in_use(child)
            assert (shown["number"], shown["source"]) == (1, "file:crm-new")
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["as_of"])
            everything = "".join(child.told) + await asyncio.to_thread(fetched, child, "/metrics")
            everything += await asyncio.to_thread(fetched, child, "/clients")
    assert OLD not in everything
    assert NEW not in everything


def _call(child) -> int:
    try:
        with urllib.request.urlopen(f"http://{child.address}/", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
