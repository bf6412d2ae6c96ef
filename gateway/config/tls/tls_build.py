"""Models -> settings of the key `tls`; relative files are looked for beside the configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.config.tls.tls_model import ListenerTls, PeerTls, UpstreamTls
from gateway.config.values.key_types import ClientCertificate
from gateway.core.settings.client_settings import ClientTrust, TlsFiles, TlsVersion
from gateway.core.settings.upstream_settings import UpstreamSettings


def own_certificate(tls: PeerTls | None, folder: Path) -> TlsFiles | None:
    """Return our certificate and its key; None if they are not given."""
    if tls is None or tls.certificate is None or tls.key is None:
        return None
    return TlsFiles(str(folder / tls.certificate), str(folder / tls.key))


def client_trust(tls: ListenerTls, folder: Path) -> ClientTrust | None:
    """Return whose certificates a listener takes from its callers; None if it asks for none."""
    if tls.client_ca is None:
        return None
    return ClientTrust(str(folder / tls.client_ca), tls.client_certificate is ClientCertificate.REQUIRED)


def authorities(tls: PeerTls | None, folder: Path) -> str | None:
    """Return the CA bundle that replaces the system's; None if there is none."""
    return None if tls is None or tls.ca is None else str(folder / tls.ca)


def oldest_version(tls: PeerTls | None) -> TlsVersion:
    """Return the oldest TLS version that is accepted."""
    return (tls.min_version if tls is not None else None) or TlsVersion.TLS_1_2


def with_tls(settings: UpstreamSettings, tls: UpstreamTls | None, folder: Path) -> UpstreamSettings:
    """Return an upstream with what a key `tls` says of it."""
    return replace(
        settings,
        ca_file=authorities(tls, folder),
        certificate=own_certificate(tls, folder),
        min_tls=oldest_version(tls),
        server_name=tls.server_name if tls is not None else None,
        needs_close_notify=tls is None or tls.require_close_notify is not False,
    )
