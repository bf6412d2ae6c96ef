"""Whether the certificates and keys that the settings name can be used now.

Apart from `load`, since a file may be wrong today and right tomorrow: these are failures to start, not
mistakes in the configuration. Each complaint is one line that names the file.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    return tuple(dict.fromkeys((*_complaints(_of_server(settings), at), *check_client_files(settings, at))))


def check_client_files(settings: Settings, now: datetime | None = None) -> tuple[str, ...]:
    """Give those of the lines that are about clients: without these files only their tokens are missing."""
    return tuple(_complaints(_of_clients(settings), now or datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class _Files:
    """Named files: pairs, certificates whose key is no file, and bundles of authorities."""

    pairs: Sequence[TlsFiles | None]
    certificates: Sequence[str | None]
    authorities: Sequence[str | None]


def _complaints(files: _Files, at: datetime) -> Iterator[str]:
    lines = (
        *(_pair(pair, at) for pair in dict.fromkeys(files.pairs) if pair is not None),
        *(_certificate(file, at) for file in dict.fromkeys(files.certificates) if file is not None),
        *(_authority(file) for file in dict.fromkeys(files.authorities) if file is not None),
    )
    yield from (line for line in lines if line is not None)


def _of_server(settings: Settings) -> _Files:
    upstreams = [route.upstream for route in settings.routes]
    pairs = [listener.tls for listener in settings.listeners] + [one.certificate for one in upstreams]
    return _Files(pairs, (), [one.ca_file for one in upstreams])


def _of_clients(settings: Settings) -> _Files:
    clients = settings.clients.values()
    signing = [client.grant.assertion for client in clients]
    return _Files(
        [client.grant.certificate for client in clients],
        [one.certificate for one in signing if one is not None],
        [client.reach.ca_file for client in clients],
    )


def _certificate(file: str, now: datetime) -> str | None:
    """Whether it is that of the key is found out by who signs (`oauth.client_authentication`)."""
    return _unreadable(file) or _not_valid(file, now)


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
