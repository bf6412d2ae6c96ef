"""TLS towards authorization servers: whom we trust, and which certificate we show (RFC 8705 section 2).

Rules: always verified; a client without files of its own shares aiohttp's context; any other context belongs
to its files and is built anew when one of them was replaced, so that a renewed certificate is shown at
the next connection. Certificate and key are two files, replaced one after the other: while they do not fit,
the last good context stays. Contexts differ per client's files, and so do the connections made with them.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from gateway.core.settings import ClientSettings, TlsFiles

Signature = tuple[tuple[int, int, int], ...]


class CertificateUnusable(OSError):
    """Our certificate or its key cannot be used."""


@dataclass(frozen=True, slots=True)
class _Files:
    ca: str | None
    certificate: TlsFiles | None

    def signature(self) -> Signature:
        ours = self.certificate
        names = (self.ca, ours.certificate, ours.key) if ours is not None else (self.ca,)
        return tuple(_signature(name) for name in names if name is not None)


class Trust:
    """The TLS contexts of all clients."""

    def __init__(self) -> None:
        self._contexts: dict[_Files, tuple[Signature, ssl.SSLContext]] = {}

    def context(self, client: ClientSettings) -> ssl.SSLContext | bool:
        """Give the context for a token request; True: aiohttp's own, with the system's authorities.

        Raises:
            CertificateUnusable: our certificate or key cannot be read, or they do not fit.
            OSError: the file of authorities cannot be used (`ssl.SSLError` is one).
        """
        files = _Files(client.ca_file, client.grant.certificate)
        if files.ca is None and files.certificate is None:
            return True
        signature = files.signature()  # taken first: what changes while it is read is read again
        known = self._contexts.get(files)
        if known is not None and known[0] == signature:
            return known[1]
        try:
            context = _build(files)
        except OSError:
            if known is None:
                raise
            return known[1]
        self._contexts[files] = (signature, context)
        return context


def _build(files: _Files) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ours = files.certificate
    if ours is not None:
        try:
            # An empty password: without one, OpenSSL would ask on the terminal for that of an encrypted key.
            context.load_cert_chain(ours.certificate, ours.key, password="")
        except OSError:
            raise CertificateUnusable from None
    return context


def _signature(file: str) -> tuple[int, int, int]:
    try:
        status = Path(file).stat()
    except OSError:
        return (0, 0, 0)  # what is missing is found out, and named, by who opens it
    return status.st_mtime_ns, status.st_ino, status.st_size
