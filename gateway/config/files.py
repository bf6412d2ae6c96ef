"""Whether the certificates and keys that the settings name can be used now.

Apart from `load`, since a file may be wrong today and right tomorrow: these are failures to start, not
mistakes in the configuration. Each complaint is one line that names the file; those of clients begin with
their place in the configuration, as those of `oauth.key_check` do.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.core.client_settings import ClientSettings, TlsFiles
from gateway.core.settings import Settings
from gateway.trust import load_pair


def check_server_files(settings: Settings, now: datetime | None = None) -> tuple[str, ...]:
    """Give one line for each file of listeners and upstreams that cannot be used; none if all is well.

    A certificate that a client shows too (RFC 8705 section 3) is the client's matter: without it only that
    client's routes fail.

    Args:
        settings: what names the files.
        now: when certificates must be valid; with a time zone; left out: the present.
    """
    upstreams = [route.upstream for route in settings.routes]
    of_clients = {client.grant.certificate for client in settings.clients.values()}
    pairs = [listener.tls for listener in settings.listeners]
    pairs += [one.certificate for one in upstreams if one.certificate not in of_clients]
    files = _Files(pairs, (), [one.ca_file for one in upstreams])
    return tuple(_complaints(files, now or datetime.now(UTC)))


def check_client_files(settings: Settings, now: datetime | None = None) -> tuple[str, ...]:
    """Give the same of the clients, each with its place: without them only their tokens are missing."""
    at = now or datetime.now(UTC)
    return tuple(
        f"{client.tls_place}: {complaint}"
        for client in settings.clients.values()
        for complaint in _complaints(_of_client(client), at)
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """Named files: pairs, certificates whose key is no file, and bundles of authorities."""

    pairs: Sequence[TlsFiles | None]
    certificates: Sequence[str | None]
    authorities: Sequence[str | None]


def _of_client(client: ClientSettings) -> _Files:
    signing = client.grant.assertion
    return _Files(
        [client.grant.certificate],
        [signing.certificate if signing is not None else None],
        [client.reach.ca_file],
    )


def _complaints(files: _Files, at: datetime) -> Iterator[str]:
    lines = (
        *(_pair(pair, at) for pair in dict.fromkeys(files.pairs) if pair is not None),
        *(_certificate(file, at) for file in dict.fromkeys(files.certificates) if file is not None),
        *(_authority(file) for file in dict.fromkeys(files.authorities) if file is not None),
    )
    yield from (line for line in lines if line is not None)


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
        load_pair(context, files)
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
