"""What several commands meet: an authorization server, a configuration with mistakes."""

from __future__ import annotations

import pytest

from gateway.core.secret import Secret
from gateway.demo.authorization_server import AuthorizationServerSettings, DemoAuthorizationServer
from gateway.demo.registrations import Registration
from gateway.demo.tokens import TokenFormat
from tests.cli.here import BROKEN, SECRET


@pytest.fixture
async def authorization_server(request):
    registrations = tuple(Registration(name, Secret(SECRET)) for name in ("mobile_android", "partner"))
    token_format = getattr(request, "param", TokenFormat.JWT)
    settings = AuthorizationServerSettings(registrations, token_format)
    async with DemoAuthorizationServer(settings) as server:
        yield server


@pytest.fixture
def broken(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(BROKEN.replace("/tmp/access.log", f"{tmp_path}/access.log"))
    return file
