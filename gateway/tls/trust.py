"""TLS contexts towards servers: whom we trust, and which certificates we show (RFC 8705 section 2).

Rules:

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
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.aside import Aside
from gateway.core.client_settings import TlsFiles
from gateway.regular_file import Stamps, stamps_of
from gateway.tls.pem_files import FileUnusable, tell_kept
from gateway.tls.tls_context import ContextBuilder, TrustSettings

_MOST_ROUNDS: Final = 10
"""Files that change all the time are taken as they are then."""
_MOST_TOLD: Final = 256


@dataclass(slots=True)
class _Known:
    """A context, and what its files were like when it was built or last found unusable."""

    stamps: Stamps
    context: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of building a context; `stamps` were taken first."""

    settings: TrustSettings
    stamps: Stamps
    context: ssl.SSLContext | OSError


class Trust:
    """The TLS contexts of a process, and who wants to know when one is replaced.

    Attributes:
        aside: builds them, and may do other work of that kind.
    """

    def __init__(self) -> None:
        self.aside = Aside()
        self._contexts: dict[TrustSettings, _Known] = {}
        self._builder = ContextBuilder()
        self._watchers: dict[TrustSettings, list[Callable[[], None]]] = {}
        self._kin: dict[TlsFiles, list[TrustSettings]] = {}
        self._being_renewed: set[TrustSettings] = set()
        self._told: set[tuple[str, Stamps]] = set()

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
        return known is None or known.stamps != stamps_of(settings.files)

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
        stamps = stamps_of(settings.files)  # taken first: what changes while it is read is read again
        try:
            return _Made(settings, stamps, self._builder.build(settings))
        except OSError as error:
            return _Made(settings, stamps, error)

    def _land(self, many: Iterable[_Made], wanted: TrustSettings | None = None) -> None:
        """Use what was built from now on, and tell who watches; raise what kept `wanted` from being built."""
        for made in many:
            known = self._contexts.get(made.settings)
            if isinstance(made.context, OSError):
                if known is None and made.settings == wanted:
                    raise made.context
                if known is not None and known.stamps != made.stamps:
                    known.stamps = made.stamps  # it is not tried again before it changes again
                    self._tell_kept_once(made.context)
            elif known is None:
                self._contexts[made.settings] = _Known(made.stamps, made.context)
            else:
                is_other, known.stamps = known.context is not made.context, made.stamps
                known.context = made.context
                if is_other:
                    self._tell(made.settings)

    def _tell_kept_once(self, error: OSError) -> None:
        """Many may name the same file."""
        told = str(error), stamps_of((error.path,)) if isinstance(error, FileUnusable) else ()
        if told not in self._told:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told.add(told)
            tell_kept(error)

    def _tell(self, settings: TrustSettings) -> None:
        for replaced in self._watchers.get(settings, ()):
            replaced()
