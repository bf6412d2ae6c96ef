"""Which of these tests run where, and the authorization server that some of them share.

Under CI (the variable ``CI`` is set, as `.ci/run` does) the tests marked `oidc_provider` are deselected, not
skipped: they install from npm's registry. Elsewhere they skip where there is no Node or no registry. A test
of a program that is not installed skips and names the Debian package.
"""

from __future__ import annotations

import os

import pytest

from tests.real.certificates import Authority
from tests.real.oidc_provider import OidcProvider, install
from tests.real.programs import Missing

MARKER = "oidc_provider"


def pytest_configure(config):
    config.addinivalue_line("markers", f"{MARKER}: against the npm package oidc-provider; never under CI")


def pytest_collection_modifyitems(config, items):
    if not os.environ.get("CI"):
        return
    deselected = [item for item in items if item.get_closest_marker(MARKER)]
    if deselected:
        items[:] = [item for item in items if item not in deselected]
        config.hook.pytest_deselected(items=deselected)


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
