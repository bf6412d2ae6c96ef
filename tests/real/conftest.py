"""Which of these tests run where, and the authorization servers that some of them share.

The tests marked `oidc_provider` install from npm's registry; they skip, and say why, where there is no
registry, no Node, or one that is too old. A test of a program that is not installed skips and names the
Debian package.
"""

from __future__ import annotations

import pytest

from tests.real.certificates import Authority
from tests.real.oidc_provider import OidcProvider, install
from tests.real.programs import Missing

MARKER = "oidc_provider"


def pytest_configure(config):
    config.addinivalue_line("markers", f"{MARKER}: against the npm package oidc-provider")


@pytest.fixture(scope="session")
def oidc_folder():
    try:
        return install()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Whoever shows one of its certificates is believed, by the authorization server and by upstreams."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def provider(oidc_folder, authority, tmp_path_factory):
    """One authorization server for all tests that do not stop it; each may register clients of its own."""
    log = tmp_path_factory.mktemp("oidc-provider") / "log"
    with OidcProvider(oidc_folder, log, tls=authority.provider_tls()) as provider:
        yield provider


@pytest.fixture(scope="session")
def secure_provider(oidc_folder, authority, tmp_path_factory):
    """The same behind TLS, at two ports: one asks for a certificate."""
    log = tmp_path_factory.mktemp("oidc-provider-with-tls") / "log"
    with OidcProvider(oidc_folder, log, tls=authority.provider_tls(), secure=True) as provider:
        yield provider
