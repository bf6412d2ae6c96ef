"""Certificates towards the authorization server, over real TLS connections (RFC 8705 section 2)."""

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.cause import Cause
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, TlsFiles
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_text
from tests.oauth.authorization_server import authorization_server
from tests.oauth.certificates import asking_context, der, pair_in
from tests.oauth.fakes import KEY, client_settings, loop_clock, new_endpoint


def client_of(port: int, server: TlsFiles, ours: TlsFiles | None) -> ClientSettings:
    client = client_settings(f"https://127.0.0.1:{port}/token", ca_file=server.certificate)
    method = AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH
    grant = replace(client.grant, method=method, certificate=ours)
    return replace(client, grant=grant, credentials=(lambda: Secret(""),))


@asynccontextmanager
async def token_endpoint():
    endpoint = new_endpoint()
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def test_the_certificate_is_shown_and_the_id_stands_in_the_body(tmp_path):
    theirs, ours = pair_in(tmp_path / "theirs"), pair_in(tmp_path / "ours")
    async with authorization_server(asking_context(theirs, ours)) as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_of(server.port, theirs, ours))
    assert isinstance(outcome, Granted)
    assert server.certificates == [der(ours)]
    assert server.requests[0].body == (b"grant_type=client_credentials&client_id=mobile_android&scope=a%20b")
    assert server.requests[0].values(b"authorization") == []


async def test_without_a_certificate_there_is_no_token(tmp_path):
    theirs, ours = pair_in(tmp_path / "theirs"), pair_in(tmp_path / "ours")
    async with authorization_server(asking_context(theirs, ours)) as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_of(server.port, theirs, None))
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNREACHABLE
    assert server.requests == []


async def test_two_clients_share_no_connection_where_their_certificates_differ(tmp_path):
    theirs, one, other = (pair_in(tmp_path / name) for name in ("theirs", "one", "other"))
    tls = asking_context(theirs, one, other)
    async with authorization_server(tls) as server, token_endpoint() as endpoint:
        for ours in (one, other, one, other):
            assert isinstance(await endpoint.fetch(client_of(server.port, theirs, ours)), Granted)
    assert server.certificates == [der(one), der(other)]


async def test_a_certificate_that_was_replaced_is_shown_at_the_next_request(tmp_path):
    theirs, old, new = (pair_in(tmp_path / name) for name in ("theirs", "old", "new"))
    shown = [der(old), der(new)]
    tls = asking_context(theirs, old, new)
    async with authorization_server(tls) as server, token_endpoint() as endpoint:
        client = client_of(server.port, theirs, old)
        assert isinstance(await endpoint.fetch(client), Granted)
        Path(new.certificate).replace(old.certificate)
        assert isinstance(await endpoint.fetch(client), Granted), (
            "the key does not fit yet: the old pair stays"
        )
        Path(new.key).replace(old.key)
        assert isinstance(await endpoint.fetch(client), Granted)
        assert isinstance(await endpoint.fetch(client), Granted)
    assert server.certificates == shown


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("nonsense")])
@pytest.mark.parametrize("name", ["certificate", "key"])
async def test_a_certificate_that_cannot_be_used_is_an_outage_that_ends_with_it(tmp_path, spoil, name):
    theirs, ours = pair_in(tmp_path / "theirs"), pair_in(tmp_path / "ours")
    async with authorization_server(asking_context(theirs, ours)) as server, token_endpoint() as endpoint:
        client = client_of(server.port, theirs, ours)
        spoilt = Path(getattr(ours, name))
        good = spoilt.read_text()
        spoil(spoilt)
        failed = await endpoint.fetch(client)
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.cause) == (FailureKind.UNSENT, Cause.FILE_UNUSABLE)
        assert failed.reason.startswith(f"{failed.key}: ")
        assert failed.key in {"tls.certificate", "tls.key"}
        assert str(spoilt) in failed.reason
        spoilt.write_text(good)
        assert isinstance(await endpoint.fetch(client), Granted)
    assert len(server.requests) == 1


async def test_gateway_token_shows_which_certificate_was_shown(tmp_path):
    theirs, ours = pair_in(tmp_path / "theirs"), pair_in(tmp_path / "ours")
    async with authorization_server(asking_context(theirs, ours)) as server:
        told = render_text(await examine(client_of(server.port, theirs, ours), loop_clock(), KEY))
    assert "(self_signed_tls_client_auth)" in told
    assert f"> (TLS certificate): {ours.certificate}" in told
    assert "> client_id: mobile_android" in told
