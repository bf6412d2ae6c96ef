"""Every example of docs/client-authentication/ is loaded, and its keys and certificates are put to use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from gateway.config import check_files, load_all
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import AuthMethod, GrantType
from gateway.oauth.key_check import check_keys
from tests.config.documents import load_text
from tests.docs.pages import ROOT, Block, blocks
from tests.oauth.certificates import make_certificate
from tests.oauth.fakes import WALL_S
from tests.oauth.keys import jwk, key, pem

FOLDER = ROOT / "docs" / "client-authentication"
PAGES = sorted(FOLDER.glob("*.md"))
OF_KUBERNETES = "# Kubernetes"
"""So begins an example that is no gateway.yaml."""
BLOCKS = [block for page in PAGES for block in blocks(page, "yaml")]
EXAMPLES = [block for block in BLOCKS if not block.text.startswith(OF_KUBERNETES)]
# Values that share a page with others; each of the rest has one of its own name.
PAGE_OF = {
    AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH: "tls_client_auth",
    GrantType.CLIENT_CREDENTIALS: "README",
}


def rsa_certificate() -> bytes:
    """A certificate of the RSA key, for assertions that name it."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now, day = datetime.now(UTC), timedelta(days=1)
    builder = x509.CertificateBuilder(subject, subject, key("rsa").public_key(), 1, now - day, now + day)
    return builder.sign(key("rsa"), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_secrets(folder: Path) -> None:
    """Put every file there that an example names below /run/secrets."""
    make_certificate(folder)  # certificate.pem, key.pem
    (folder / "rsa-certificate.pem").write_bytes(rsa_certificate())
    (folder / "rsa.pem").write_text(pem("rsa"))
    (folder / "dpop.pem").write_text(pem("p256"))
    (folder / "key.json").write_text(jwk("p256", kid="crm-2026"))
    (folder / "long-secret").write_text("s" * 32)
    (folder / "token").write_text("a.b.c")
    for secret in ("crm", "crm-new"):
        (folder / secret).write_text("s3cr3t")


def loaded(text: str, folder: Path) -> Settings:
    write_secrets(folder)
    return load_text(text.replace("/run/secrets", str(folder)), {"CRM_SECRET": "s3cr3t"})


def faults(text: str, folder: Path) -> tuple[str, ...]:
    """What keeps an example from being used: nothing, if it is right."""
    settings = loaded(text, folder)
    path = folder / "gateway.yaml"
    path.write_text(text.replace("/run/secrets", str(folder)))
    files = check_files("gateway.yaml", load_all(path, {"CRM_SECRET": "s3cr3t"}).files)
    problems = (*files.of_servers, *files.of_clients, *files.warnings)
    return (*map(str, problems), *check_keys(settings, WALL_S))


def values_of(page: Path, folder: Path) -> Iterator[AuthMethod | GrantType]:
    """The methods and grants of a page's examples."""
    for example in blocks(page, "yaml"):
        if not example.text.startswith(OF_KUBERNETES):
            for client in loaded(example.text, folder).clients.values():
                yield from (client.grant.method, client.grant.grant_type)


def page_of(value: AuthMethod | GrantType) -> Path:
    return FOLDER / f"{PAGE_OF.get(value, value.value.rpartition(':')[2])}.md"


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_can_be_put_to_use(example: Block, tmp_path):
    assert faults(example.text, tmp_path) == ()


def test_an_example_whose_key_does_not_fit_would_be_found(tmp_path):
    text = next(each.text for each in EXAMPLES if "PS256" in each.text)

    assert faults(re.sub(r"\bPS256\b", "ES256", text), tmp_path) != ()


@pytest.mark.parametrize("value", [*AuthMethod, *GrantType], ids=lambda value: value.value)
def test_every_method_and_every_grant_has_a_page_with_an_example(value, tmp_path):
    assert value in set(values_of(page_of(value), tmp_path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_has_an_example_and_says_how_to_try_it(page):
    assert [block for block in BLOCKS if block.page == str(page.relative_to(ROOT))]
    assert "`gateway token " in page.read_text()
