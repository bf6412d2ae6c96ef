"""The keys named `tls` of clients and routes -> settings; relative files lie beside the configuration."""

from __future__ import annotations

from pathlib import Path

from gateway.config.tls.tls_model import PeerTls
from gateway.core.client_settings import TlsFiles, TlsVersion


def own_certificate(tls: PeerTls | None, folder: Path) -> TlsFiles | None:
    """Give our certificate and its key, which stand together or not at all."""
    if tls is None or tls.certificate is None or tls.key is None:
        return None
    return TlsFiles(str(folder / tls.certificate), str(folder / tls.key))


def authorities(tls: PeerTls | None, folder: Path) -> str | None:
    """Give the file of those who are trusted instead of the system's."""
    return None if tls is None or tls.ca is None else str(folder / tls.ca)


def oldest_version(tls: PeerTls | None) -> TlsVersion:
    """Give the oldest version of TLS that is spoken."""
    return (tls.min_version if tls is not None else None) or TlsVersion.TLS_1_2
