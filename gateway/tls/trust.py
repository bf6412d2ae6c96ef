"""The TLS contexts for servers: whom we trust, and which certificates we present (RFC 8705 section 2).

Rules:

- A context belongs to the contents of its files. It is shared where they are equal, and rebuilt when they
  change, so that the next connection presents a renewed certificate. While certificate and key do not
  match, the last usable context stays in use.
- Reading the system's CA bundle takes 15 to 30 ms of CPU and 1 MB for each context. While the gateway
  serves, a thread beside the loop builds them one after the other.
- Whoever keeps connections that present a certificate watches it, and is told before anyone gets a context
  that presents the new one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.core.settings.client_settings import TlsFiles
from gateway.system.aside import Aside
from gateway.system.regular_file import Stamps, stamps_of
from gateway.tls.pem_files import FileUnusable, tell_kept
from gateway.tls.tls_context import ContextBuilder, TrustSettings

_MOST_ROUNDS: Final = 10
"""Files that change all the time are then used as they are."""
_MOST_TOLD: Final = 256


@dataclass(slots=True)
class _Known:
    """A context, and the stamps of its files when it was built or they were last found unusable."""

    stamps: Stamps
    context: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class _Made:
    """The outcome of building a context; `stamps` were taken before."""

    settings: TrustSettings
    stamps: Stamps
    context: ssl.SSLContext | OSError


class Trust:
    """The TLS contexts of a process, and who is told when one is replaced.

    Attributes:
        aside: the thread that builds them; others may use it for similar work.
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
        """Call `replaced` as soon as any file that `settings` names is found replaced.

        That is before anyone gets a context with the new files. Whoever is told drops the connections that
        present the old certificate, so that no token that is bound to the new one is sent on them.
        """
        if not settings.files:
            return
        if settings not in self._watchers and settings.certificate is not None:
            self._kin.setdefault(settings.certificate, []).append(settings)
        self._watchers.setdefault(settings, []).append(replaced)

    def unwatch(self, settings: TrustSettings, replaced: Callable[[], None]) -> None:
        """Stop calling `replaced`; a context that nobody else watches is forgotten."""
        if not settings.files:
            return
        watchers = self._watchers.get(settings, [])
        if replaced in watchers:
            watchers.remove(replaced)
        if not watchers:
            self._watchers.pop(settings, None)
            self._contexts.pop(settings, None)
            if settings.certificate is not None and settings in self._kin.get(settings.certificate, ()):
                self._kin[settings.certificate].remove(settings)

    def look(self) -> tuple[asyncio.Future[tuple[_Made, ...]], ...]:
        """Check the watched files, and build new contexts beside the loop from those that were replaced.

        The futures are done once the new contexts are in use; nobody need wait for them.
        """
        known = (settings for settings in self._watchers if settings in self._contexts)
        return tuple(filter(None, map(self._renew_beside, known)))

    async def fresh(self, settings: TrustSettings) -> ssl.SSLContext:
        """Return the context for the files as they are now; the same one until their contents change.

        Raises:
            CertificateUnusable: our certificate or key cannot be read, or they do not match.
            FileUnusable: the CA bundle cannot be used.
        """
        for _ in range(_MOST_ROUNDS):
            if not (stale := self._stale(settings)):
                break
            self._land(await self.aside.run(partial(self._make, stale)), settings)
        return self._contexts[settings].context

    def context(self, settings: TrustSettings) -> ssl.SSLContext:
        """Return the same as `fresh`, built on the spot; for use before anyone is served.

        Raises:
            FileUnusable: see `fresh`.
        """
        for _ in range(_MOST_ROUNDS):
            if not (stale := self._stale(settings)):
                break
            self._land(self._make(stale), settings)
        return self._contexts[settings].context

    def is_newest(self, settings: TrustSettings, context: ssl.SSLContext) -> bool:
        """Whether `context` is the one for the files as they are now."""
        known = self._contexts.get(settings)
        return known is not None and known.context is context and not self._is_stale(settings)

    # ── what is to be built, and what came of it ──────────────────────────────────────────────────

    def _is_stale(self, settings: TrustSettings) -> bool:
        known = self._contexts.get(settings)
        return known is None or known.stamps != stamps_of(settings.files)

    def _stale(self, settings: TrustSettings) -> tuple[TrustSettings, ...]:
        """What to build for `settings`: first, other settings that present the same certificate."""
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
        """Build contexts, in any thread."""
        return tuple(map(self._make_one, many))

    def _make_one(self, settings: TrustSettings) -> _Made:
        stamps = stamps_of(settings.files)  # taken first: what changes during reading is read again
        try:
            return _Made(settings, stamps, self._builder.build(settings))
        except OSError as error:
            return _Made(settings, stamps, error)

    def _land(self, many: Iterable[_Made], wanted: TrustSettings | None = None) -> None:
        """Use what was built, and tell who watches; raise the error if `wanted` could not be built."""
        for made in many:
            known = self._contexts.get(made.settings)
            if isinstance(made.context, OSError):
                if known is None and made.settings == wanted:
                    raise made.context
                if known is not None and known.stamps != made.stamps:
                    known.stamps = made.stamps  # not tried again until it changes again
                    self._tell_kept_once(made.context)
            elif known is None:
                self._contexts[made.settings] = _Known(made.stamps, made.context)
            else:
                is_other, known.stamps = known.context is not made.context, made.stamps
                known.context = made.context
                if is_other:
                    self._tell(made.settings)

    def _tell_kept_once(self, error: OSError) -> None:
        """Several settings may name the same file."""
        told = str(error), stamps_of((error.path,)) if isinstance(error, FileUnusable) else ()
        if told not in self._told:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told.add(told)
            tell_kept(error)

    def _tell(self, settings: TrustSettings) -> None:
        for replaced in self._watchers.get(settings, ()):
            replaced()
