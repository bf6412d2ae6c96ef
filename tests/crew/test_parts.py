"""What a worker gets of a configuration: no secret that it does not need."""

from dataclasses import replace

from gateway.core.caller import WayName
from gateway.core.settings.access_settings import IntrospectionWay, WaySettings
from gateway.core.settings.client_settings import ClientName
from gateway.crew.keeper import part_of_worker
from tests.config.documents import load_text

TEXT = """\
clients:
  crm: {token_endpoint: "https://as.test/token", client_id: crm, client_secret: "${env:SECRET}"}
  asker: {token_endpoint: "https://as.test/token", client_id: asker, client_secret: "${env:SECRET}"}
routes:
  - {path: /, upstream: "http://127.0.0.1:9500", client: crm}
"""


def test_a_worker_is_told_the_key_that_signs_and_reads_no_file(tmp_path):
    """Else it could sign with a key that the keeper has not published yet."""
    (tmp_path / "identity.pem").write_text("a key")
    settings = load_text(TEXT + f'identity_jwt: {{issuer: us, key: "${{file:{tmp_path}/identity.pem}}"}}\n')

    assert settings.identity_jwt is not None
    assert part_of_worker(settings, settings.listeners, 2).identity_jwt is None


def test_a_worker_has_no_client_but_those_that_ask_about_tokens():
    settings = load_text(TEXT)
    way = IntrospectionWay(ClientName("asker"), "https://as.test/introspect")
    asking = replace(settings, callers={WayName("opaque"): WaySettings(WayName("opaque"), way)})

    assert part_of_worker(settings, settings.listeners, 2).clients == {}
    assert set(part_of_worker(asking, settings.listeners, 2).clients) == {"asker"}
