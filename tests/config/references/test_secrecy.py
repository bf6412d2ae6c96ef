"""Which references may stand for a secret, by where they stand."""

import re

import pytest

from gateway.config.references.secrecy import may_be_secret
from gateway.config.template import read_template
from tests.config.document.test_schema import KEYS, TAKE_NO_TEXT

VALUES = {
    "HOST": "api.internal",
    "URL": "https://api.internal/v1/key-123",
    "PORT": "8443",
    "KEY": "hunter2",
    "PART": "internal/hunter2",
}


def hidden(loc: tuple[str | int, ...], text: str) -> list[str]:
    template = read_template(text)
    return [text for text in may_be_secret(loc, template, lambda reference: VALUES[reference.name]) if text]


UPSTREAM = ("routes", 0, "upstream")


@pytest.mark.parametrize(
    ("loc", "text", "expected"),
    [
        (UPSTREAM, "https://${env:HOST}", []),
        (UPSTREAM, "https://${env:HOST}:${env:PORT}/occ", []),
        (UPSTREAM, "https://api.${env:HOST}/", []),
        (UPSTREAM, "https://${env:HOST}/${env:KEY}/x", ["hunter2"]),
        (UPSTREAM, "https://a.example/bot${env:KEY}", ["hunter2"]),
        (UPSTREAM, "https://api.${env:PART}", ["/hunter2"]),
        (UPSTREAM, "${env:URL}", ["/v1/key-123"]),
        (UPSTREAM, "unix:/run/${env:HOST}.sock", []),
        (("clients", "crm", "token_endpoint"), "https://${env:HOST}/token", []),
        (("clients", "crm", "token_endpoint"), "https://a.example/t?key=${env:KEY}", ["hunter2"]),
        (("clients", "crm", "token_endpoint"), "https://a.example?key=${env:KEY}", ["hunter2"]),
        (("clients", "crm", "issuer"), "https://a.example/${env:HOST}", []),
        (("clients", "crm", "client_id"), "${env:KEY}", []),
        (("clients", "crm", "audience"), "https://${env:HOST}", []),
        (("clients", "crm", "scope", 0), "${env:KEY}", []),
        (("routes", 0, "host"), "${env:HOST}", []),
        (("listen", 0, "address"), "${env:HOST}:80", []),
        (("listen",), "${env:HOST}:80", []),
        (("routes", 0, "tls", "server_name"), "${env:HOST}", []),
        (("routes", 0, "tls", "key"), "/tls/${env:HOST}.key", []),
        (("callers", "partner", "key"), "${env:KEY}", ["hunter2"]),
        (("clients", "crm", "client_secret"), "a-${env:KEY}", ["hunter2"]),
        (("clients", "crm", "client_secret", 1), "${env:KEY}", ["hunter2"]),
        (("clients", "crm", "private_key"), "${env:KEY}", ["hunter2"]),
        (("clients", "crm", "proxy"), "http://${env:KEY}@p", ["hunter2"]),
        (("routes", 0, "proxy"), "http://${env:KEY}@p", ["hunter2"]),
        (("routes", 0, "rewrite", "location"), "${env:PORT}", []),
        (("clients", "crm", "parameters", "audience"), "${env:KEY}", ["hunter2"]),
        (("clients", "crm", "headers", "host"), "${env:KEY}", ["hunter2"]),
        (("clients", "crm", "assertion_claims", "a", "path"), "${env:KEY}", ["hunter2"]),
        (("routes", 0, "token_headers", "X-A"), "${env:KEY}", ["hunter2"]),
        (("routes", 0, "headers", "request", "set", "path"), "${env:KEY}", ["hunter2"]),
        (("callers", "partner", "anything"), "${env:KEY}", ["hunter2"]),
        (("grace",), "${env:PORT}", []),
        (("limits", "headers"), "${env:PORT}", []),
        (("routes", 0, "timeouts", "idle"), "${env:PORT}", []),
        (("routes", 0, "recover_on", 1), "${env:PORT}", []),
    ],
)
def test_a_reference_may_stand_for_a_secret_unless_everybody_may_see_it(
    loc: tuple[str | int, ...], text: str, expected: list[str]
):
    assert hidden(loc, text) == expected


@pytest.mark.parametrize("key", sorted(TAKE_NO_TEXT))
def test_no_number_and_no_duration_is_a_secret(key):
    """If this fails for a new key: name it in `secrecy._NOT_TEXT`."""
    loc = tuple(part if part != "[]" else 0 for part in re.findall(r"\[\]|[^.\[\]]+", key))
    assert key.removesuffix("[]") in KEYS
    assert hidden(loc, "${env:PORT}") == []
