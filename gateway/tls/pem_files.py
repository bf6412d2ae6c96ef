"""PEM files of certificates, keys and CA bundles: what they contain, and what is wrong with them.

Each file is read once, and what was read is what is used. A certificate and a key that are replaced one
after the other are not used until they match. Files that are not regular are never opened (`regular_file`).
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from gateway.core.settings.client_settings import TlsFiles
from gateway.system.regular_file import MOST_PEM_BYTES, copied, read_regular, readable_copy

UNREADABLE: Final = "cannot be read"
_LOGGER: Final = logging.getLogger("gateway.file")


class FileUnusable(OSError):
    """One of our files cannot be used.

    Attributes:
        key: the configuration key that names it, below a client or a route: ``tls.ca``.
        path: where it is.
        complaint: what is wrong with it.
    """

    def __init__(self, key: str, path: str, complaint: str) -> None:
        super().__init__(f"{key}: {path} {complaint}")
        self.key = key
        self.path = path
        self.complaint = complaint


class CertificateUnusable(FileUnusable):
    """Our certificate or its key cannot be used."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The contents of a certificate and its key at one moment."""

    certificate: bytes
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, files: TlsFiles) -> Pair:
        """Read both.

        Raises:
            OSError: one of them cannot be read. The error names the file.
        """
        return cls(
            read_regular(files.certificate, MOST_PEM_BYTES)[0], read_regular(files.key, MOST_PEM_BYTES)[0]
        )

    @property
    def digest(self) -> bytes:
        """A value that differs for other contents and reveals nothing of them."""
        return digest_of(self.certificate, self.key)


def digest_of(*contents: bytes) -> bytes:
    """Return a value that differs for other contents and reveals nothing of them."""
    digest = blake2b(digest_size=16)
    for content in contents:
        digest.update(b"%d:" % len(content) + content)
    return digest.digest()


def load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    """Have `context` present a certificate.

    Raises:
        OSError: the two are not a certificate and its key (`ssl.SSLError` is one).
    """
    # Without the empty password, OpenSSL would ask on the terminal for that of an encrypted key.
    with copied(pair.certificate) as certificate, copied(pair.key) as key:
        context.load_cert_chain(certificate, key, password="")


def load_authorities(context: ssl.SSLContext, file: str) -> None:
    """Have `context` trust the CA bundle in a file, and nothing else.

    Raises:
        OSError: the file cannot be read, or contains no certificate (`ssl.SSLError` is one).
    """
    with readable_copy(file) as copy:
        context.load_verify_locations(cafile=copy)


def why_unusable(ours: TlsFiles, error: OSError) -> CertificateUnusable:
    """Find out which of the two cannot be used, and why: OpenSSL does not say."""
    for key, path in (("tls.certificate", ours.certificate), ("tls.key", ours.key)):
        try:
            with readable_copy(path):
                pass
        except OSError as unreadable:
            return CertificateUnusable(key, path, complaint(unreadable, ""))
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return CertificateUnusable("tls.key", ours.key, f"is not the key of {ours.certificate}")
    return CertificateUnusable("tls.certificate", ours.certificate, f"or its key {ours.key} cannot be used")


def complaint(error: OSError, otherwise: str) -> str:
    """Return what is wrong with a file: `otherwise` if it is its content, of which OpenSSL says little."""
    if isinstance(error, ssl.SSLError):
        return otherwise
    return f"{UNREADABLE}: {error.strerror or 'unknown error'}"


def tell_kept(error: OSError) -> None:
    """Log that the last usable file stays in use; whoever watches the files reports unreadable ones."""
    if isinstance(error, FileUnusable) and not error.complaint.startswith(UNREADABLE):
        _LOGGER.warning("%s; the last good one stays in use", error)
