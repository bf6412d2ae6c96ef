"""TLS: whom we trust, and which certificates we show, to servers (RFC 8705 section 2) and to callers.

Rules:

- Always verified, TLS 1.2 at least.
- A context belongs to what its files hold: where that is equal it is shared, and it is built anew when that
  was replaced, so that a renewed certificate is shown at the next connection. While certificate and key do
  not fit, the last good context stays.
- Reading the system's authorities takes 15 to 30 ms of CPU and 1 MB for each context: while we serve, they
  are built one after the other by a thread beside the loop.
- Who keeps connections that show a certificate watches it, and is told before anybody gets a context that
  shows the new one.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

from gateway.aside import Aside
from gateway.core.client_settings import TlsFiles, TlsVersion
from gateway.regular_file import MOST_PEM_BYTES, copied, read_regular
from gateway.tls_files import (
    UNREADABLE,
    Contents,
    FileUnusable,
    Signature,
    complaint,
    digest_of,
    load_contents,
    load_pair,
    signature_of,
    why_unusable,
)

_LOGGER: Final = logging.getLogger("gateway.file")
_VERSIONS: Final = {
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}
_MOST_ROUNDS: Final = 10
"""Files that change all the time are taken as they are then."""
_MOST_TOLD: Final = 256


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


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of building a context; `signature` was taken first."""

    settings: TrustSettings
    signature: Signature
    context: ssl.SSLContext | OSError


class Trust:
    """The TLS contexts of a process, and who wants to know when one is replaced.

    Attributes:
        aside: builds them, and may do other work of that kind.
    """

    def __init__(self) -> None:
        self.aside = Aside()
        self._contexts: dict[TrustSettings, _Known] = {}
        self._built: WeakValueDictionary[bytes, ssl.SSLContext] = WeakValueDictionary()
        self._watchers: dict[TrustSettings, list[Callable[[], None]]] = {}
        self._kin: dict[TlsFiles, list[TrustSettings]] = {}
        self._being_renewed: set[TrustSettings] = set()
        self._told: set[tuple[str, Signature]] = set()

    def watch(self, settings: TrustSettings, replaced: Callable[[], None]) -> None:
        """Have `replaced` called as soon as any files are found replaced that `settings` names.

        That is before anybody gets a context with the new ones: who is told first drops the connections
        that show the old certificate, so that no token that is bound to the new one goes out on them.
        """
        if not settings.files:
            return
        if settings not in self._watchers and settings.certificate is not None:
            self._kin.setdefault(settings.certificate, []).append(settings)
        self._watchers.setdefault(settings, []).append(replaced)

    def look(self) -> tuple[asyncio.Future[tuple[_Made, ...]], ...]:
        """Find out whether files of what is watched were replaced, and build beside the loop what they make.

        Nobody need wait for what is given, which is done when all of it is in use.
        """
        known = (settings for settings in self._watchers if settings in self._contexts)
        return tuple(filter(None, map(self._renew_beside, known)))

    async def fresh(self, settings: TrustSettings) -> ssl.SSLContext:
        """Give the context as its files are now; the same one until what they hold is replaced.

        Raises:
            CertificateUnusable: our certificate or key cannot be read, or they do not fit.
            FileUnusable: the file of authorities cannot be used.
        """
        for _ in range(_MOST_ROUNDS):
            if not (stale := self._stale(settings)):
                break
            self._land(await self.aside.run(partial(self._make, stale)), settings)
        return self._contexts[settings].context

    def context(self, settings: TrustSettings) -> ssl.SSLContext:
        """Give the same as `fresh`, built on the spot: for the time before anybody is served.

        Raises:
            FileUnusable: as of `fresh`.
        """
        for _ in range(_MOST_ROUNDS):
            if not (stale := self._stale(settings)):
                break
            self._land(self._make(stale), settings)
        return self._contexts[settings].context

    def is_newest(self, settings: TrustSettings, context: ssl.SSLContext) -> bool:
        """Whether `context` is the one that belongs to the files as they are now."""
        known = self._contexts.get(settings)
        return known is not None and known.context is context and not self._is_stale(settings)

    # ── what is to be built, and what came of it ──────────────────────────────────────────────────

    def _is_stale(self, settings: TrustSettings) -> bool:
        known = self._contexts.get(settings)
        return known is None or known.signature != signature_of(settings.files)

    def _stale(self, settings: TrustSettings) -> tuple[TrustSettings, ...]:
        """What is to be built before `settings` can be given: who shows the same certificate goes first."""
        kin = self._kin.get(settings.certificate, ()) if settings.certificate is not None else ()
        known = (each for each in kin if each in self._contexts)
        return tuple(each for each in dict.fromkeys((*known, settings)) if self._is_stale(each))

    def _renew_beside(self, settings: TrustSettings) -> asyncio.Future[tuple[_Made, ...]] | None:
        if settings in self._being_renewed or not self._is_stale(settings):
            return None
        self._being_renewed.add(settings)

        def landed(making: asyncio.Future[tuple[_Made, ...]]) -> None:
            self._being_renewed.discard(settings)
            if not making.cancelled():
                self._land(making.result())

        making = self.aside.begin(partial(self._make, (settings,)))
        making.add_done_callback(landed)
        return making

    def _make(self, many: Iterable[TrustSettings]) -> tuple[_Made, ...]:
        """Build contexts; in whatever thread."""
        return tuple(map(self._make_one, many))

    def _make_one(self, settings: TrustSettings) -> _Made:
        signature = signature_of(settings.files)  # taken first: what changes while it is read is read again
        try:
            return _Made(settings, signature, self._build(settings))
        except OSError as error:
            return _Made(settings, signature, error)

    def _land(self, many: Iterable[_Made], wanted: TrustSettings | None = None) -> None:
        """Use what was built from now on, and tell who watches; raise what kept `wanted` from being built."""
        for made in many:
            known = self._contexts.get(made.settings)
            if isinstance(made.context, OSError):
                if known is None and made.settings == wanted:
                    raise made.context
                if known is not None and known.signature != made.signature:
                    known.signature = made.signature  # it is not tried again before it changes again
                    self._tell_kept(made.context)
            elif known is None:
                self._contexts[made.settings] = _Known(made.signature, made.context)
            else:
                is_other, known.signature = known.context is not made.context, made.signature
                known.context = made.context
                if is_other:
                    self._tell(made.settings)

    def _tell_kept(self, error: OSError) -> None:
        """Tell it once of a file that many name."""
        told = str(error), signature_of((error.path,)) if isinstance(error, FileUnusable) else ()
        if told not in self._told:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told.add(told)
            _tell_kept(error)

    def _tell(self, settings: TrustSettings) -> None:
        for replaced in self._watchers.get(settings, ()):
            replaced()

    def _build(self, settings: TrustSettings) -> ssl.SSLContext:
        authorities = None if settings.ca_file is None else _authorities_in(settings.ca_file)
        ours = None if settings.certificate is None else _contents_of(settings.certificate)
        kind = f"{settings.min_tls.value} {ours is None} {authorities is None}".encode()
        pair = b"" if ours is None else digest_of(ours.certificate, ours.key)
        digest = digest_of(kind, authorities or b"", pair)
        context = self._built.get(digest)
        if context is None:
            context = self._built[digest] = _built(settings, authorities, ours)
        return context


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
            _tell_kept(why_unusable(self._files, error))

    def _signature_now(self) -> Signature:
        return signature_of((self._files.certificate, self._files.key))

    def _built(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_pair(context, self._files)
        return context


def _tell_kept(error: OSError) -> None:
    """Say that the last good one stays; what cannot be read is told where files are watched, with its key."""
    if isinstance(error, FileUnusable) and not error.complaint.startswith(UNREADABLE):
        _LOGGER.warning("%s; the last good one stays in use", error)


def _built(settings: TrustSettings, authorities: bytes | None, ours: Contents | None) -> ssl.SSLContext:
    if settings.certificate is not None and ours is not None:
        # First by itself: while it cannot be used, each attempt costs no reading of the system's authorities.
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), settings.certificate, ours)
    context = _trusting(settings.ca_file or "", authorities)
    context.minimum_version = _VERSIONS[settings.min_tls]
    if settings.certificate is not None and ours is not None:
        _load(context, settings.certificate, ours)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting(ca_file: str, authorities: bytes | None) -> ssl.SSLContext:
    if authorities is None:
        return ssl.create_default_context()
    try:
        with copied(authorities) as copy:
            return ssl.create_default_context(cafile=copy)
    except OSError as error:
        words = complaint(error, "holds no certificate in PEM form")
        raise FileUnusable("tls.ca", ca_file, words) from None


def _authorities_in(ca_file: str) -> bytes:
    try:
        return read_regular(ca_file, MOST_PEM_BYTES)[0]
    except OSError as error:
        raise FileUnusable("tls.ca", ca_file, complaint(error, "")) from None


def _contents_of(ours: TlsFiles) -> Contents:
    try:
        return Contents.of(ours)
    except OSError as error:
        raise why_unusable(ours, error) from None


def _load(context: ssl.SSLContext, ours: TlsFiles, contents: Contents) -> None:
    try:
        load_contents(context, contents)
    except OSError as error:
        raise why_unusable(ours, error) from None
