"""The page on identity JWTs: its example runs, and its Python verifies what the gateway signs."""

import asyncio
import json
from hashlib import sha256

import jwt
import pytest
from ruamel.yaml import YAML

from gateway.app import Gateway
from gateway.oauth.identity_key import make_identity_key
from tests.config.documents import load_text
from tests.docs.pages import ROOT, blocks
from tests.wire.caller import RawCaller
from tests.wire.messages import request
from tests.wire.servers import FakeUpstream

PAGE = ROOT / "docs" / "identity-jwt.md"
EXAMPLES = list(blocks(PAGE, "yaml"))
PYTHON = [block.text for block in blocks(PAGE, "python")]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_is_a_configuration(example, tmp_path):
    (tmp_path / "identity.pem").write_text(make_identity_key().private_pem().reveal())

    assert load_text(example.text.replace("/run/secrets", str(tmp_path)), {}).identity_jwt is not None


async def test_the_example_signs_what_its_python_verifies(tmp_path):
    """The callers are known by a key, so that no issuer is needed."""
    (tmp_path / "identity.pem").write_text(make_identity_key().private_pem().reveal())
    digest = sha256(b"secret").hexdigest()
    (tmp_path / "keys.toml").write_text(f'[[keys]]\nid = "alice"\nsha256 = "{digest}"\nscope = "read"\n')
    upstream = FakeUpstream()
    await upstream.start()
    document = YAML(typ="safe").load(EXAMPLES[0].text.replace("/run/secrets", str(tmp_path)))
    document["callers"]["staff"] = {"api_key": {"file": f"{tmp_path}/keys.toml"}}
    document["routes"][0]["upstream"] = f"http://127.0.0.1:{upstream.port}"
    there = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "log": {"access": "off"}}
    gateway = Gateway(load_text(json.dumps(document | there), {}))
    await gateway.start()
    try:
        caller = await RawCaller.connect(gateway.addresses[0])
        await caller.ask(request("GET", "/orders", "X-API-Key: secret"))
        await caller.close()
        token = upstream.requests[0].head.value("X-Caller-Jwt").decode()
        scope = {}
        (source,) = PYTHON
        exec(source.replace("127.0.0.1:8079", str(gateway.admin_address)), scope)
        claims = await asyncio.to_thread(scope["caller"], token)
        with pytest.raises(jwt.PyJWTError):
            await asyncio.to_thread(scope["caller"], token[:-8] + "AAAAAAAA")
    finally:
        await gateway.close(grace_s=0.0)
        await upstream.close()

    assert (claims["sub"], claims["way"], claims["scope"]) == ("alice", "staff", "read")
