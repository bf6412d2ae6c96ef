"""Several workers sign who calls with one key, which the keeper has and publishes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import jwt

from gateway.core.crew.records import IdentityKeyIs
from gateway.core.settings.listener_settings import Address
from gateway.crew.told_signer import ToldSigner
from gateway.oauth.identity_key import make_identity_key
from tests.crew.test_crew import answered, children, document, page, until
from tests.processes import running
from tests.wire.test_identity_jwt import a_key

HEADER = "X-Caller-Jwt"
CALLS = 8
"""On connections of their own: both workers get some."""


def signing(upstream, **signer):
    whole = document(upstream, callers={"here": {"network": "127.0.0.0/8"}})
    route = {"access": [{"caller": "here"}], "identity_jwt": {"header": HEADER, "audience": "crm"}}
    (known,) = whole["routes"]
    return whole | {"routes": [known | route], "identity_jwt": {"issuer": "https://gw.test", **signer}}


async def signed(child, upstream):
    """The ids of the keys that signed requests to all workers; each of them is published."""
    before = len(upstream.requests)
    assert [await answered(child.address) for _ in range(CALLS)] == [200] * CALLS
    tokens = [each.head.value(HEADER).decode() for each in upstream.requests[before:]]
    status, body = await page(child, "/.well-known/jwks.json")
    assert status == 200
    keys = {each["kid"]: jwt.PyJWK(each) for each in json.loads(body)["keys"]}
    assert b'"d"' not in body
    for token in tokens:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["ES256"], audience="crm", issuer="https://gw.test")
        assert (claims["sub"], claims["way"]) == ("127.0.0.1", "here")
    return {jwt.get_unverified_header(token)["kid"] for token in tokens}


async def signed_by_another(child, upstream, kid):
    """Return the id of the next key, once all workers sign with it."""
    async with asyncio.timeout(20):
        while (kids := await signed(child, upstream)) == {kid} or len(kids) > 1:
            pass
    return kids.pop()


async def test_workers_sign_with_the_keepers_key_whoever_dies(tmp_path, upstream):
    async with signing_gateway(tmp_path, upstream) as child:
        (kid,) = await signed(child, upstream)
        for victim in (0, 1):  # the keeper, then a worker
            pid = children(child.pid)[victim]
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: len(children(child.pid)) == 3 and pid not in children(child.pid))
            await child.until_told("another one follows")
            await until_published(child)
            assert await signed(child, upstream) == {kid}
        for pid in (child.pid, *children(child.pid)):
            for place in ("environ", "cmdline"):
                assert b"PRIVATE KEY" not in Path(f"/proc/{pid}/{place}").read_bytes()


@asynccontextmanager
async def signing_gateway(folder, upstream, **signer):
    """A gateway whose admin listener is at the same place whichever keeper has it."""
    where = f"{folder}/admin.sock"
    async with running(folder, signing(upstream, **signer) | {"admin": f"unix:{where}"}) as child:
        child.admin = Address(path=where)
        yield child


async def until_published(child):
    """Wait for a keeper that serves the admin listener."""
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                if (await page(child, "/.well-known/jwks.json"))[0] == 200:
                    return
            await asyncio.sleep(0.01)


async def test_workers_follow_a_file_that_is_replaced_and_no_other(tmp_path, upstream):
    file = tmp_path / "identity.pem"
    file.write_text(a_key())
    async with signing_gateway(tmp_path, upstream, key="${file:identity.pem}") as child:
        (first,) = await signed(child, upstream)
        replaced(file, a_key())
        second = await signed_by_another(child, upstream, first)
        replaced(file, "-----BEGIN PRIVATE KEY-----\n")
        await child.until_told("identity_jwt.key")
        assert await signed(child, upstream) == {second}

        keeper = children(child.pid)[0]
        os.kill(keeper, signal.SIGKILL)  # the next one starts with a file that cannot be used
        await until(lambda: len(children(child.pid)) == 3 and keeper not in children(child.pid))
        await until_published(child)
        assert await signed(child, upstream) == {second}
        replaced(file, a_key())
        third = await signed_by_another(child, upstream, second)
        body = (await page(child, "/.well-known/jwks.json"))[1]
        assert [each["kid"] for each in json.loads(body)["keys"]] == [third, first, second]


async def test_a_reload_turns_it_on_and_changes_the_key_of_all_workers(tmp_path, upstream):
    file = tmp_path / "identity.pem"
    file.write_text(a_key())
    async with running(tmp_path, document(upstream)) as child:
        assert json.loads((await page(child, "/.well-known/jwks.json"))[1]) == {"keys": []}
        config = tmp_path / "gateway.yaml"
        plain = json.loads(config.read_text())
        await reloaded(child, config, plain | signing(upstream))
        (made,) = await signed(child, upstream)
        await reloaded(child, config, plain | signing(upstream, key="${file:identity.pem}"))
        (read,) = await signed(child, upstream)
        assert read != made
        body = (await page(child, "/.well-known/jwks.json"))[1]
        assert [each["kid"] for each in json.loads(body)["keys"]] == [read, made]


async def reloaded(child, config, whole):
    config.write_text(json.dumps(whole))
    child.signal(signal.SIGHUP)
    await child.until_told("loaded")


def replaced(file, text):
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


def test_the_same_key_told_twice_is_no_change():
    signer, key = ToldSigner(), make_identity_key()
    told = IdentityKeyIs(key.private_pem().reveal())
    for _ in range(2):
        signer.take(told)
        assert signer.generation == 1
    signer.take(IdentityKeyIs(a_key()))
    assert signer.generation == 2
    assert "PRIVATE" not in f"{told} {signer!r} {key!r}"
