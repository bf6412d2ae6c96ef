"""What the ways of a file mean, and what a listener asks of its callers."""

from pathlib import Path

import pytest

from gateway.config import load_all
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import BasicWay, CertificateWay, IntrospectionWay
from gateway.core.settings.client_settings import ClientName, ClientTrust
from tests.config.documents import ENVIRON, load_text

ROUTES = 'routes: [{path: /, upstream: "http://127.0.0.1:9500"}]\n'
CLIENT = 'clients: {gw: {issuer: "https://as.test", client_id: us, client_secret: "${env:SECRET}"}}\n'
TLS = "listen: {{address: 127.0.0.1:1, tls: {{certificate: a.pem, key: a.key, {}}}}}\n"


def way(text, more=""):
    settings = load_text(f"{more}callers: {{us: {text}}}\n{ROUTES}")
    return settings.callers[WayName("us")].way


def test_users_are_in_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "gateway.yaml").write_text(f"callers: {{us: {{basic: {{htpasswd: users}}}}}}\n{ROUTES}")
    settings = load_all(Path(tmp_path / "gateway.yaml"), ENVIRON).settings

    assert settings.callers[WayName("us")].way == BasicWay(str(tmp_path / "users"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("client: gw", IntrospectionWay(ClientName("gw"))),
        (
            'client: gw, endpoint: "https://as.test/i", issuer: as, audience: [a, b, a], cache: 1m, id_claim: email',
            IntrospectionWay(ClientName("gw"), "https://as.test/i", "as", ("a", "b"), 60.0, "email"),
        ),
    ],
)
def test_tokens_are_asked_about(text, wanted):
    assert way(f"{{introspection: {{{text}}}}}", CLIENT) == wanted


def test_certificates_are_known_by_patterns():
    listener = TLS.format("client_ca: ca.pem")
    found = way('{certificate: {uri: "spiffe://a/*", dns: [a.test, "*.b.test"], subject: "CN=*"}}', listener)

    assert found == CertificateWay(("spiffe://a/*",), ("a.test", "*.b.test"), ("CN=*",))


@pytest.mark.parametrize(
    ("text", "is_required"),
    [
        ("client_ca: /ca.pem", False),
        ("client_ca: /ca.pem, client_certificate: optional", False),
        ("client_ca: /ca.pem, client_certificate: required", True),
    ],
)
def test_a_listener_asks_for_certificates(text, is_required):
    (listener,) = load_text(TLS.format(text) + ROUTES).listeners

    assert listener.client_trust == ClientTrust("/ca.pem", is_required)
