"""Certificates of the tests hold before a strict verifier, which is Python's own from 3.13 on."""

from __future__ import annotations

import ssl
from contextlib import suppress

import pytest

from tests.oauth.certificates import make_certificate
from tests.real.certificates import Authority as RealAuthority
from tests.wire.certificates import Authority


def of_wire(folder):
    authority = Authority.make(folder)
    leaf = authority.leaf("127.0.0.1")
    return authority.ca_file, leaf.certificate, leaf.key


def of_oauth(folder):
    certificate, key = make_certificate(folder)
    return certificate, certificate, key


def of_real(folder):
    authority = RealAuthority(folder)
    return authority.file, authority.server.certificate, authority.server.key


@pytest.mark.parametrize("made_in", [of_wire, of_oauth, of_real])
def test_a_strict_verifier_accepts_them(tmp_path, made_in):
    ca_file, certificate, key = made_in(tmp_path)
    trusting = ssl.create_default_context(cafile=ca_file)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    assert shaken_hands(trusting, serving).getpeercert()


def shaken_hands(trusting, serving):
    """The client's side of a handshake in memory."""
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(one, other, server_side=True)
    client = trusting.wrap_bio(other, one, server_hostname="127.0.0.1")
    for side in (client, server) * 2:
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client
