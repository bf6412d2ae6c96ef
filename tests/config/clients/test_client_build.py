"""What a client says reaches its settings."""

from __future__ import annotations

import pytest

from gateway.core.settings.client_settings import AuthMethod, ClientName, Reach, TlsVersion
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from tests.config.documents import ROUTE, SECRET, load_text


def test_every_key_of_a_client_reaches_its_settings():
    settings = load_text(
        """
clients:
  crm:
    token_endpoint: http://login.example.com/t?tenant=acme
    client_id: me
    client_secret: "${env:SECRET}"
    token_endpoint_auth_method: client_secret_post
    scope: [a, b]
    audience: [one, two, one]
    resource: urn:example:api
    parameters: {tenant: acme}
    default_lifetime: 1m
    timeout: 3s
    timeouts: {connect: 1s}
    headers: {X-Tenant: acme}
    allow_insecure: true
    proxy: http://user:password@proxy.example.com:3128
    tls: {ca: /etc/ca.pem, min_version: TLSv1.3, server_name: Login.Example.com}
    dpop_bound_access_tokens: true
    dpop_private_key: "${env:SECRET}"
    dpop_signing_alg: ES384
    dpop_allow_bearer: true
    required: false
    revoke: true
    revocation_endpoint: http://login.example.com/r
"""
        + ROUTE
    )
    client = settings.clients[ClientName("crm")]
    assert client.grant.token_endpoint == "http://login.example.com/t?tenant=acme"
    assert client.grant.method is AuthMethod.CLIENT_SECRET_POST
    assert client.grant.scope == ("a", "b")
    assert client.grant.audience == ("one", "two")
    assert client.grant.resource == ("urn:example:api",)
    assert client.grant.parameters == (("tenant", "acme"),)
    assert client.grant.headers == (("X-Tenant", "acme"),)
    assert client.grant.dpop == DpopSettings(SigningAlgorithm.ES384, allows_bearer=True)
    assert client.default_lifetime_s == 60.0
    assert not client.is_required
    assert client.reach == Reach(
        timeout_s=3.0,
        connect_timeout_s=1.0,
        ca_file="/etc/ca.pem",
        proxy="http://user:password@proxy.example.com:3128",
        min_tls=TlsVersion.TLS_1_3,
        server_name="login.example.com",
        allows_insecure=True,
    )
    assert (client.revokes, client.revocation_endpoint) == (True, "http://login.example.com/r")
    assert client.credentials[0]().reveal() == SECRET
    assert client.dpop_key().reveal() == SECRET


def test_an_issuer_alone_is_enough():
    settings = load_text(
        "clients: {crm: {issuer: 'https://a/b/', client_id: me, client_secret: s}}\n" + ROUTE
    )
    grant = settings.clients[ClientName("crm")].grant
    assert (grant.token_endpoint, grant.issuer) == (None, "https://a/b/")


def test_several_secrets_are_read_in_their_order():
    text = (
        "clients: {crm: {issuer: 'https://a', client_id: me, client_secret: ['${env:SECRET}', new]}}\n"
        + ROUTE
    )
    [client] = load_text(text).clients.values()
    assert [reader().reveal() for reader in client.credentials] == [SECRET, "new"]


@pytest.mark.parametrize(
    ("written", "audience"),
    [("", None), ("token_endpoint", None), ("issuer", "https://a/"), ("https://b", "https://b")],
)
def test_whom_assertions_are_for_is_the_endpoint_the_issuer_or_any_text(written, audience):
    key = f"assertion_audience: '{written}', " if written else ""
    client = f"{{issuer: 'https://a/', {key}client_id: me, token_endpoint_auth_method: private_key_jwt, private_key: k}}"
    [made] = load_text(f"clients: {{crm: {client}}}\n" + ROUTE).clients.values()
    assert made.grant.assertion.audience == audience
