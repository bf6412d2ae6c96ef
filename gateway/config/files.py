"""Whether the certificates and keys that the settings name can be used now.

Apart from `load`, since a file may be wrong today and right tomorrow: these are failures to start, not
mistakes in the configuration. Each complaint is one line that names the file.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.core.settings import Settings, TlsFiles


def check_files(settings: Settings, now: datetime | None = None) -> tuple[str, ...]:
    """Give one line for each file that cannot be used; none if all is well.

    Args:
        settings: what names the files.
        now: when certificates must be valid; with a time zone; left out: the present.
    """
    at = now or datetime.now(UTC)
    pairs = dict.fromkeys(_pairs(settings))
    authorities = dict.fromkeys(_authorities(settings))
    return tuple(
        complaint
        for complaint in (*(_pair(pair, at) for pair in pairs), *map(_authority, authorities))
        if complaint is not None
    )


def _pairs(settings: Settings) -> Iterator[TlsFiles]:
    for listener in settings.listeners:
        if listener.tls is not None:
            yield listener.tls
    for route in settings.routes:
        if route.upstream.certificate is not None:
            yield route.upstream.certificate


def _authorities(settings: Settings) -> Iterator[str]:
    files = [client.ca_file for client in settings.clients.values()]
    files += [route.upstream.ca_file for route in settings.routes]
    yield from (file for file in files if file is not None)


def _pair(files: TlsFiles, now: datetime) -> str | None:
    return (
        _unreadable(files.certificate)
        or _unreadable(files.key)
        or _not_valid(files.certificate, now)
        or _misfit(files)
    )


def _unreadable(file: str) -> str | None:
    try:
        Path(file).read_bytes()
    except OSError as error:
        return f"{file}: cannot be read: {error.strerror}"
    return None


def _not_valid(file: str, now: datetime) -> str | None:
    from cryptography import x509  # noqa: PLC0415 - most gateways run without a certificate of their own

    try:
        certificate = x509.load_pem_x509_certificates(Path(file).read_bytes())[0]
    except (ValueError, OSError):
        return f"{file}: is not a certificate in PEM form"
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if last < now:
        return f"{file}: the certificate expired on {last:%Y-%m-%d %H:%M} UTC"
    if first > now:
        return f"{file}: the certificate is valid only from {first:%Y-%m-%d %H:%M} UTC"
    return None


def _misfit(files: TlsFiles) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password: without one, OpenSSL would ask on the terminal for that of an encrypted key.
        context.load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{files.key}: is not the key of the certificate {files.certificate}"
        return f"{files.key}: is not a private key in PEM form without a password"
    return None


def _authority(file: str) -> str | None:
    complaint = _unreadable(file)
    if complaint is not None:
        return complaint
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        return f"{file}: holds no certificate in PEM form"
    return None
