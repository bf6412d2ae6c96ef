"""What `gateway check`, `run` and `token` say of keys and certificates that cannot be used."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web
from click.testing import CliRunner

from gateway.cli.commands import main
from gateway.config import load
from gateway.core.settings.client_settings import ClientName
from tests.config.files.test_file_checks import HOUR, write_pair
from tests.oauth.certificates import make_certificate
from tests.oauth.keys import pem
from tests.processes import ANY_PORT, started
from tests.real.gateways import gateway
from tests.real.upstreams import NumberedTokens, serving, until

HUNTER = "hunter2-hunter2"


def write(folder, key: str, **keys: object):
    """A configuration whose client signs with `key`, and its path."""
    (folder / "key").write_text(key)
    client = {
        "token_endpoint": "https://127.0.0.1:1/token",
        "client_id": "me",
        "token_endpoint_auth_method": "private_key_jwt",
        "private_key": "${file:key}",
    }
    route = {"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm"}
    document = {"clients": {"crm": client | keys}, "routes": [route]}
    (folder / "gateway.yaml").write_text(json.dumps(document, indent=1))
    return folder / "gateway.yaml"


def checked(path):
    return CliRunner().invoke(main, ["check", "-c", str(path)], catch_exceptions=False)


def test_keys_that_sign_are_good(tmp_path):
    assert checked(write(tmp_path, pem("p256"))).exit_code == 0


@pytest.mark.parametrize(
    ("key", "keys", "words"),
    [
        (HUNTER, {}, "the private key is neither PEM nor a JWK"),
        (
            pem("p256"),
            {"token_endpoint_auth_signing_alg": "RS256"},
            "RS256 does not fit the key, which is for ES256",
        ),
        (pem("p256", password=HUNTER.encode()), {}, "the private key is encrypted"),
    ],
)
def test_a_key_that_cannot_sign_is_one_line_with_its_place(tmp_path, key, keys, words):
    path = write(tmp_path, key, **keys)
    done = checked(path)
    assert done.exit_code == 1
    line, count = done.stderr.splitlines()
    assert count == f"{path}: valid, but what it names cannot be used (1 problem)"
    assert line.startswith(f"{path}:7:19: clients.crm.private_key: {words}")
    assert HUNTER not in line


def test_a_certificate_of_another_key_is_told(tmp_path):
    certificate, _ = make_certificate(tmp_path)
    done = checked(write(tmp_path, pem("p256"), assertion_certificate=str(certificate)))
    assert done.stderr.splitlines()[0].endswith(
        "assertion_certificate is not the certificate of the private key"
    )


def test_a_file_that_is_missing_is_a_problem_of_the_configuration(tmp_path):
    path = write(tmp_path, "")
    (tmp_path / "key").unlink()
    done = checked(path)
    assert done.exit_code == 2
    assert "clients.crm.private_key: " in done.stderr
    assert "key cannot be read: No such file or directory" in done.stderr


def test_gateway_token_tells_it_too_and_sends_nothing(tmp_path):
    arguments = ["token", "crm", "-c", str(write(tmp_path, HUNTER))]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 1
    assert (
        "no token: clients.crm.private_key: the client cannot sign its assertion: the private key is neither PEM"
        in done.stdout
    )
    assert HUNTER not in done.output


def test_the_key_of_a_client_follows_its_file(tmp_path):
    client = load(write(tmp_path, pem("p256")), {}).clients[ClientName("crm")]
    (tmp_path / "key").write_text(pem("p384"))
    assert client.credentials[0]().reveal() == pem("p384").removesuffix("\n")
    (tmp_path / "key").write_text("\0")
    assert client.credentials[0]().reveal() == pem("p384").removesuffix("\n")


def test_settings_show_no_key(tmp_path):
    settings = load(write(tmp_path, pem("p256")), {})
    assert pem("p256")[40:80] not in repr(settings)


async def run_and_end(folder):
    """Start it, end it, and give what was said before it listened."""
    async with started(folder, "run", environ={}) as child:
        await child.until_listening()
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0
        return [json.loads(line) for line in child.told]


async def test_run_begins_where_only_a_client_suffers(tmp_path):
    path = write(tmp_path, HUNTER)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"listen": ANY_PORT, "admin": ANY_PORT}))
    first, *_ = await run_and_end(tmp_path)
    assert first["level"] == "warning"
    assert "clients.crm.private_key: the private key is neither PEM nor a JWK" in first["message"]


@pytest.mark.parametrize("state", ["missing", "expired"])
async def test_run_begins_where_a_clients_certificate_is_unusable_that_its_routes_show_too(tmp_path, state):
    """A restart must not take all routes down with one partner's certificate."""
    if state == "expired":
        now = datetime.now(UTC)
        write_pair(tmp_path, first=now - 2 * HOUR, last=now - HOUR)
    tls = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    path = write(tmp_path, pem("p256"), tls=tls)
    document = json.loads(path.read_text())
    document |= {"listen": ANY_PORT, "admin": ANY_PORT}
    document["routes"][0] |= {"upstream": "https://api.example.com", "tls": tls}
    path.write_text(json.dumps(document, indent=1))
    told = [one["message"] for one in await run_and_end(tmp_path)]
    assert ": clients.crm.tls.certificate: " in told[0]
    assert ("expired" if state == "expired" else "cannot be read") in told[0]


async def test_a_client_that_cannot_sign_is_an_outage_of_its_own_routes_only(tmp_path, caplog):
    async def upstream(request):
        return web.Response(text=request.headers["Authorization"])

    def client(port: int, **keys: object) -> dict[str, object]:
        return {"token_endpoint": f"http://127.0.0.1:{port}/token", "client_id": "me"} | keys

    (tmp_path / "key").write_text(HUNTER)
    signing = {"token_endpoint_auth_method": "private_key_jwt", "private_key": "${file:key}"}
    async with serving(upstream) as port, serving(NumberedTokens()) as login, ClientSession() as session:
        clients = {"good": client(login, client_secret="s"), "bad": client(login, **signing)}
        routes = [
            {"path": f"/{name}", "upstream": f"http://127.0.0.1:{port}", "client": name} for name in clients
        ]
        async with gateway(tmp_path, {"clients": clients, "routes": routes}) as running:
            async with session.get(running.url + "/good") as answer:
                assert (answer.status, await answer.text()) == (200, "Bearer access_token_1")
            async with session.get(running.url + "/bad") as answer:
                problem = await answer.text()
                assert answer.status == 503
            assert "cannot sign its assertion" in json.loads(problem)["detail"]
            told = f"{problem}{caplog.text}{list(running.gateway.generation.sources.states())}{running.gateway.metrics.render()}"
            assert HUNTER not in told

            (tmp_path / "key").write_text(pem("ed25519"))

            async def is_back() -> bool:
                async with session.get(running.url + "/bad") as answer:
                    return answer.status == 200

            await until(is_back)
