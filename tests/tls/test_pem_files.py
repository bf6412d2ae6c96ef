"""Files of certificates and keys: what is wrong with them, and how contents are told apart."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.client_settings import TlsFiles
from gateway.tls.pem_files import CertificateUnusable, Pair, complaint, digest_of, load_pair, why_unusable
from tests.oauth.certificates import pair_in

CONTENTS = st.lists(st.binary(max_size=20), max_size=4)


@given(CONTENTS, CONTENTS)
def test_digests_are_equal_if_and_only_if_all_contents_are(one: list[bytes], other: list[bytes]):
    """Also where the same bytes are parted in another way."""
    assert (digest_of(*one) == digest_of(*other)) == (one == other)


def test_a_pair_is_read_whole_and_shows_no_key(tmp_path: Path):
    ours = pair_in(tmp_path / "ours")
    pair = Pair.of(ours)
    assert (pair.certificate, pair.key) == (
        Path(ours.certificate).read_bytes(),
        Path(ours.key).read_bytes(),
    )
    assert "PRIVATE" not in repr(pair)
    assert pair.digest == Pair.of(ours).digest != Pair(pair.key, pair.certificate).digest


def test_it_is_told_which_of_the_two_is_wrong_and_why(tmp_path: Path):
    ours, others = pair_in(tmp_path / "ours"), pair_in(tmp_path / "others")
    mixed = TlsFiles(ours.certificate, others.key)
    with pytest.raises(ssl.SSLError) as caught:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Pair.of(mixed))
    assert str(why_unusable(mixed, caught.value)) == (
        f"tls.key: {others.key} is not the key of {ours.certificate}"
    )
    Path(others.key).unlink()
    unusable = why_unusable(mixed, caught.value)
    assert isinstance(unusable, CertificateUnusable)
    assert (unusable.key, unusable.path) == ("tls.key", others.key)
    assert unusable.complaint == "cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "cannot be read: Permission denied"),
        (OSError(), "cannot be read: unknown error"),
        (ssl.SSLError(1, "hunter2"), "holds nothing"),
    ],
)
def test_what_openssl_says_is_not_repeated(error: OSError, words: str):
    assert complaint(error, "holds nothing") == words
