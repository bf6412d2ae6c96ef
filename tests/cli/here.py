"""What the tests of the commands share: documents, and running a command in this process."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.commands import main
from tests.processes import Finished

EXAMPLE = Path(__file__).parents[2] / "gateway.yaml"
SECRET = "correct-horse-battery-staple"
ROUTE = {"path": "/", "upstream": "http://127.0.0.1:9"}
EXAMPLE_SECRETS = {"DEMO_SECRET": SECRET, "PARTNER_SECRET": SECRET}
BROKEN = """\
listen: 127.0.0.1:0
lisen: 127.0.0.1:0
log: {access: /tmp/access.log}
clients:
  crm: {token_endpoint: "http://login.example.com/t", client_id: me, client_secert: hunter2-hunter2}
routes:
  - {path: crm, upstream: "http://127.0.0.1:9", client: crn}
"""


async def gateway_here_beside(*arguments, **environ):
    """Run a command while servers of this process answer it."""
    return await to_thread(gateway_here, *arguments, **environ)


def gateway_here(*arguments, **environ):
    """Run a command in this process: one of its own costs a third of a second."""
    done = CliRunner(env=environ).invoke(main, arguments, prog_name="gateway", catch_exceptions=False)
    return Finished(done.exit_code, done.stdout, done.stderr)


def clients_of(server, secret="${env:SECRET}"):
    known = {"token_endpoint": server.token_endpoint, "client_secret": secret}
    post = {"token_endpoint_auth_method": "client_secret_post", "parameters": {"tenant": "${env:SECRET}"}}
    return {
        "clients": {
            "mobile": known | {"client_id": "mobile_android", "scope": "users.read"},
            "partner": known | post | {"client_id": "partner"},
        },
        "routes": [ROUTE | {"client": "mobile"}],
    }
