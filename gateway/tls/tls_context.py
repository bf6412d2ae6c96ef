"""Build TLS contexts for servers, which always verify them and speak at least TLS 1.2."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from gateway.core.settings.client_settings import TlsFiles, TlsVersion
from gateway.system.regular_file import MOST_PEM_BYTES, copied, read_regular
from gateway.tls.pem_files import FileUnusable, Pair, complaint, digest_of, load_pair, why_unusable
from gateway.tls.verification import verify_as_curl_does

_VERSIONS: Final = {
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """What a context is made of.

    Attributes:
        ca_file: PEM file of a CA bundle to trust instead of the system's.
        certificate: what we present in the handshake, or None.
    """

    ca_file: str | None = None
    certificate: TlsFiles | None = None
    min_tls: TlsVersion = TlsVersion.TLS_1_2

    @property
    def files(self) -> tuple[str, ...]:
        """The files that a context depends on."""
        ours = self.certificate
        names = (self.ca_file, ours.certificate, ours.key) if ours is not None else (self.ca_file,)
        return tuple(name for name in names if name is not None)


class ContextBuilder:
    """Builds contexts, and shares those in use among settings whose files have the same contents."""

    def __init__(self) -> None:
        self._built: WeakValueDictionary[bytes, ssl.SSLContext] = WeakValueDictionary()

    def build(self, settings: TrustSettings) -> ssl.SSLContext:
        """Build a context from the present contents of the files.

        Raises:
            CertificateUnusable: our certificate or key cannot be read, or they do not match.
            FileUnusable: the CA bundle cannot be used.
        """
        authorities = None if settings.ca_file is None else _authorities_in(settings.ca_file)
        pair = None if settings.certificate is None else _pair_in(settings.certificate)
        kind = f"{settings.min_tls.value} {pair is None} {authorities is None}".encode()
        digest = digest_of(kind, authorities or b"", b"" if pair is None else pair.digest)
        context = self._built.get(digest)
        if context is None:
            context = self._built[digest] = _new_context(settings, authorities, pair)
        return context


def _new_context(settings: TrustSettings, authorities: bytes | None, pair: Pair | None) -> ssl.SSLContext:
    if settings.certificate is not None and pair is not None:
        # Try it first: while it is unusable, no attempt should read the system's CA bundle.
        _show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), settings.certificate, pair)
    context = _trusting(settings.ca_file or "", authorities)
    verify_as_curl_does(context)
    context.minimum_version = _VERSIONS[settings.min_tls]
    if settings.certificate is not None and pair is not None:
        _show(context, settings.certificate, pair)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting(ca_file: str, authorities: bytes | None) -> ssl.SSLContext:
    if authorities is None:
        return ssl.create_default_context()
    try:
        with copied(authorities) as copy:
            return ssl.create_default_context(cafile=copy)
    except OSError as error:
        words = complaint(error, "contains no certificate in PEM form")
        raise FileUnusable("tls.ca", ca_file, words) from None


def _authorities_in(ca_file: str) -> bytes:
    try:
        return read_regular(ca_file, MOST_PEM_BYTES)[0]
    except OSError as error:
        raise FileUnusable("tls.ca", ca_file, complaint(error, "")) from None


def _pair_in(ours: TlsFiles) -> Pair:
    try:
        return Pair.of(ours)
    except OSError as error:
        raise why_unusable(ours, error) from None


def _show(context: ssl.SSLContext, ours: TlsFiles, pair: Pair) -> None:
    try:
        load_pair(context, pair)
    except OSError as error:
        raise why_unusable(ours, error) from None
