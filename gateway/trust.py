"""TLS: whom we trust, and which certificates we show, to servers (RFC 8705 section 2) and to callers.

Rules: always verified, TLS 1.2 at least; a context belongs to its files and is built anew when one of them
was replaced, so that a renewed certificate is shown at the next connection. Certificate and key are two
files, replaced one after the other: while they do not fit, the last good context stays. Contexts differ per
files, and so do the connections made with them: who keeps such connections watches the files. What is no
regular file is never opened (`regular_file`): it is as good as missing.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.aside import Aside
from gateway.core.client_settings import TlsFiles, TlsVersion
from gateway.regular_file import readable_copy

UNREADABLE: Final = "cannot be read"
_LOGGER: Final = logging.getLogger("gateway.file")

Signature = tuple[tuple[int, int, int, int], ...]

_VERSIONS: Final = {
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}


class FileUnusable(OSError):
    """A file of ours cannot be used.

    Attributes:
        key: what names it, below a client or a route: ``tls.ca``.
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
class TrustSettings:
    """What a context is made of.

    Attributes:
        ca_file: PEM file of trusted authorities instead of the system's.
        certificate: ours in the handshake, or None.
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


@dataclass(slots=True)
class _Known:
    """A context, and what its files were like when it was built or last found unusable."""

    signature: Signature
    context: ssl.SSLContext


class Trust:
    """The TLS contexts of a process, and who wants to know when one is replaced."""

    def __init__(self) -> None:
        self.aside = Aside()
        self._contexts: dict[TrustSettings, _Known] = {}
        self._watchers: list[tuple[TrustSettings, Callable[[], None]]] = []

    def watch(self, settings: TrustSettings, replaced: Callable[[], None]) -> None:
        """Have `replaced` called as soon as any files are found replaced that `settings` names.

        That is before anybody gets a context with the new ones: who is told first drops the connections
        that show the old certificate, so that no token that is bound to the new one goes out on them.
        """
        if settings.files:
            self._watchers.append((settings, replaced))

    def look(self) -> None:
        """Find out whether files of what is watched were replaced."""
        for settings in dict.fromkeys(settings for settings, _ in self._watchers):
            known = self._contexts.get(settings)
            if known is not None:
                self._renew(settings, known)

    def context(self, settings: TrustSettings) -> ssl.SSLContext:
        """Give the context as its files are now; the same one until a file is replaced.

        Raises:
            CertificateUnusable: our certificate or key cannot be read, or they do not fit.
            FileUnusable: the file of authorities cannot be used.
        """
        known = self._contexts.get(settings)
        if known is None:
            known = self._contexts[settings] = _Known(signature_of(settings.files), _build(settings))
            self.look()
        elif self._renew(settings, known):
            self.look()  # afterwards: whatever was replaced before this context was made is told
        return known.context

    def _renew(self, settings: TrustSettings, known: _Known) -> bool:
        """Build it anew if its files were replaced, tell its watchers, and give whether they were."""
        signature = signature_of(settings.files)  # taken first: what changes while it is read is read again
        if signature == known.signature:
            return False
        known.signature = signature  # what does not fit is not tried again before it changes again
        try:
            known.context = _build(settings)
        except FileUnusable as error:
            _tell(error)
            return True
        except OSError:
            return True
        self._tell(settings)
        return True

    def _tell(self, settings: TrustSettings) -> None:
        for watched, replaced in self._watchers:
            if watched == settings:
                replaced()


class ServerCertificate:
    """What a listener shows its callers; renewed in place, so that handshakes from then on show the new one.

    Attributes:
        context: for the listener.

    Raises:
        OSError: certificate or key cannot be read, or they do not fit (`ssl.SSLError` is one).
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._signature = self._signature_now()
        self.context = self._built()
        self.context.set_alpn_protocols(["http/1.1"])

    def look(self) -> None:
        """Find out whether the files were replaced; what cannot be used changes nothing."""
        signature = self._signature_now()
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._built()  # a pair that does not fit must not reach the context in use
            load_pair(self.context, self._files)
        except OSError as error:
            _tell(_why_unusable(self._files, error))

    def _signature_now(self) -> Signature:
        return signature_of((self._files.certificate, self._files.key))

    def _built(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_pair(context, self._files)
        return context


def _tell(unusable: FileUnusable) -> None:
    """Say that the last good one stays; what cannot be read is told where files are watched, with its key."""
    if not unusable.complaint.startswith(UNREADABLE):
        _LOGGER.warning("%s; the last good one stays in use", unusable)


def load_pair(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Have `context` show a certificate.

    Raises:
        OSError: certificate or key cannot be read, or they do not fit (`ssl.SSLError` is one).
    """
    # An empty password: without one, OpenSSL would ask on the terminal for that of an encrypted key.
    with readable_copy(files.certificate) as certificate, readable_copy(files.key) as key:
        context.load_cert_chain(certificate, key, password="")


def load_authorities(context: ssl.SSLContext, file: str) -> None:
    """Have `context` trust the authorities in a file, and none besides.

    Raises:
        OSError: it cannot be read, or holds none (`ssl.SSLError` is one).
    """
    with readable_copy(file) as copy:
        context.load_verify_locations(cafile=copy)


def signature_of(files: Iterable[str]) -> Signature:
    """Give a value that changes when one of `files` is replaced, or a link on the way to it."""
    return tuple(map(_signature, files))


def _build(settings: TrustSettings) -> ssl.SSLContext:
    ours = settings.certificate
    if ours is not None:
        # First by itself: while it cannot be used, each attempt costs no reading of the system's authorities.
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ours)
    context = _trusting(settings.ca_file)
    context.minimum_version = _VERSIONS[settings.min_tls]
    if ours is not None:
        _load(context, ours)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    try:
        with readable_copy(ca_file) as copy:
            return ssl.create_default_context(cafile=copy)
    except OSError as error:
        raise FileUnusable("tls.ca", ca_file, _complaint(error, "holds no certificate in PEM form")) from None


def _load(context: ssl.SSLContext, ours: TlsFiles) -> None:
    try:
        load_pair(context, ours)
    except OSError as error:
        raise _why_unusable(ours, error) from None


def _why_unusable(ours: TlsFiles, error: OSError) -> CertificateUnusable:
    """OpenSSL does not say which of the two it could not read."""
    for key, path in (("tls.certificate", ours.certificate), ("tls.key", ours.key)):
        try:
            with readable_copy(path):
                pass
        except OSError as unreadable:
            return CertificateUnusable(key, path, _complaint(unreadable, ""))
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return CertificateUnusable("tls.key", ours.key, f"is not the key of {ours.certificate}")
    return CertificateUnusable("tls.certificate", ours.certificate, f"or its key {ours.key} cannot be used")


def _complaint(error: OSError, otherwise: str) -> str:
    if isinstance(error, ssl.SSLError):
        return otherwise
    return f"{UNREADABLE}: {error.strerror or 'nobody says why'}"


def _signature(file: str) -> tuple[int, int, int, int]:
    try:
        status = Path(file).stat()
    except OSError:
        return (0, 0, 0, 0)  # what is missing is found out, and named, by who opens it
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size
