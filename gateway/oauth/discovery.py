"""An issuer's metadata: fetched when first needed, kept, renewed in the background (RFC 8414).

Rules:

- One request at a time for each issuer, however many wait for it; it belongs to this module, not to who
  waits.
- The outcome counts for all clients that use the same connection settings: the metadata, or the failure and
  the back-off that follows. Another CA bundle, proxy or timeout makes another setting. A certificate does
  not, since it only says who asks; but a failure that it may have caused is shared only by clients that
  present the same one.
- Metadata past its lifetime stays in use while it is renewed, and while renewing fails: an authorization
  server whose metadata is unavailable may well issue tokens.
- It is renewed at once when a request fails in a way that a moved endpoint would explain. The next request
  waits for the outcome, but for `WAIT_S` at most: the issuer may be unreachable.
- Each such doubt in a row that finds nothing new doubles the pause before the next request, from one second
  to `RENEW_INTERVAL_S`. ``Retry-After`` is honoured.
- While there is no metadata yet, pauses only grow to `LONGEST_PAUSE_S`, since all clients of the issuer
  wait for the same request. Replacing a file that is used to reach the issuer ends a pause.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

from gateway.core.cause import Cause
from gateway.core.clock import Clock
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.metadata import Look, ServerMetadata, metadata_places, read_metadata, said_issuer
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.standing import NO_REST
from gateway.core.oauth.token_events import MetadataKept, TokenObserver
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientSettings, Reach, TlsFiles
from gateway.oauth.transport import ServerRequest, Transport, trust_in_server
from gateway.system.regular_file import Stamps, stamps_of

RENEW_INTERVAL_S: Final = 60.0
WAIT_S: Final = 5.0
LONGEST_PAUSE_S: Final = 10.0
_MOST_DOUBLINGS: Final = 6  # 2**6 s is beyond the interval
_OF_CERTIFICATES: Final = frozenset(
    (Cause.OWN_CERTIFICATE_MISSING, Cause.OWN_CERTIFICATE_REFUSED, Cause.TLS_BROKEN)
)
_KEYS_OF_CERTIFICATES: Final = frozenset(("tls.certificate", "tls.key"))
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class _Pause:
    """The back-off after a failure.

    Attributes:
        stamps: of the files that were used to reach the issuer.
    """

    rest: Rest = NO_REST
    stamps: Stamps = ()


@dataclass(slots=True)
class _KnownMetadata:
    """What is known of one issuer.

    Attributes:
        not_before_s: when it may be asked again, as far as it asked for time.
        is_doubted: an endpoint that it names did not answer like one.
        in_vain: how often in a row a renewal because of that found nothing new.
        pause: of all clients, while there is no metadata.
        pauses: of the clients that present one certificate, or none.
        shown: the certificate that the question under way presents.
    """

    metadata: ServerMetadata | None = None
    asked_at_s: float = -inf
    renew_at_s: float = -inf
    not_before_s: float = -inf
    is_doubted: bool = False
    in_vain: int = 0
    looks: tuple[Look, ...] = ()
    question: asyncio.Task[ServerMetadata | Failed] | None = None
    shown: TlsFiles | None = None
    pause: _Pause = _Pause()
    pauses: dict[TlsFiles | None, _Pause] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Key:
    issuer: str
    reach: Reach


class Discovery:
    """The metadata of all issuers of a process; belongs to one event loop."""

    def __init__(self, transport: Transport, clock: Clock, observer: TokenObserver) -> None:
        self._transport = transport
        self._clock = clock
        self._observer = observer
        self._known: dict[_Key, _KnownMetadata] = {}

    async def metadata(self, client: ClientSettings) -> ServerMetadata | Failed:
        """Return the metadata of the client's issuer, asking for it if there is none, or it is in doubt."""
        known = self._of(client)
        while True:
            if (failed := self._resting_after(client)) is not None:
                return failed
            self._renew_if_due(client, known)
            question, shown = known.question, known.shown
            if question is not None and (known.metadata is None or known.is_doubted):
                await asyncio.wait({question}, timeout=None if known.metadata is None else WAIT_S)
            if known.metadata is not None:
                return known.metadata
            assert question is not None  # without metadata it is always time to renew
            found = _CLOSED if question.cancelled() else question.result()
            if shown == client.grant.certificate or not _is_askers(found):
                return found

    def rest(self, client: ClientSettings) -> Rest:
        """Return the pause during which the client's issuer is not asked; an empty one if it may be.

        This looks at no file. A replaced file ends the pause, which the next request finds out.
        """
        return self._pause_of(client).rest

    def _pause_of(self, client: ClientSettings) -> _Pause:
        known = self._of(client)
        if known.metadata is not None:
            return _Pause()
        pauses = (known.pause, known.pauses.get(client.grant.certificate, _Pause()))
        pause = max(pauses, key=lambda each: each.rest.until_s)
        return pause if pause.rest.left_s(self._clock.now_s()) > 0.0 else _Pause()

    def _resting_after(self, client: ClientSettings) -> Failed | None:
        pause = self._pause_of(client)
        return pause.rest.failed if pause.stamps == _stamps(client) else None

    def doubt(self, client: ClientSettings) -> None:
        """Renew the metadata: an endpoint that it names does not answer like one."""
        known = self._of(client)
        if known.metadata is None or known.question is not None:
            return  # the answer to the question under way will be newer than the doubt
        known.is_doubted = True
        pause_s = min(RENEW_INTERVAL_S, 2.0 ** min(known.in_vain, _MOST_DOUBLINGS))
        may_ask_at_s = max(known.asked_at_s + pause_s, known.not_before_s)
        known.renew_at_s = min(known.renew_at_s, may_ask_at_s)
        self._renew_if_due(client, known)

    def trust(self, client: ClientSettings) -> None:
        """Note that an endpoint that the metadata names answered like one."""
        known = self._of(client)
        known.is_doubted, known.in_vain = False, 0

    def looks(self, client: ClientSettings) -> tuple[Look, ...]:
        """Return the URLs that were asked last, for the operator."""
        return self._of(client).looks

    async def close(self) -> None:
        """Cancel all questions under way."""
        questions = [known.question for known in self._known.values() if known.question is not None]
        for question in questions:
            question.cancel()
        if questions:
            await asyncio.wait(questions)

    def _of(self, client: ClientSettings) -> _KnownMetadata:
        assert client.grant.issuer is not None
        key = _Key(client.grant.issuer, client.reach)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _KnownMetadata()
        return known

    def _renew_if_due(self, client: ClientSettings, known: _KnownMetadata) -> None:
        if known.question is None and self._clock.now_s() >= known.renew_at_s:
            known.shown = client.grant.certificate
            # Owned by this object, not by a task group: it outlives whoever waits, and close() ends it.
            known.question = asyncio.get_running_loop().create_task(self._ask(client, known))

    async def _ask(self, client: ClientSettings, known: _KnownMetadata) -> ServerMetadata | Failed:
        known.asked_at_s, stamps = self._clock.now_s(), _stamps(client)
        try:
            known.looks = await self._look(client)
        finally:
            known.question = None
        found = known.looks[-1].found
        known.in_vain += known.is_doubted
        if isinstance(found, ServerMetadata):
            if found != known.metadata:
                known.is_doubted, known.in_vain = False, 0
            known.metadata, known.renew_at_s = found, known.asked_at_s + found.lifetime_s
            return found
        failed = _most_telling(known.looks)
        if known.metadata is not None:
            known.not_before_s = known.asked_at_s + (failed.retry_after_s or 0.0)
            known.renew_at_s = max(known.asked_at_s + RENEW_INTERVAL_S, known.not_before_s)
            self._observer.told(MetadataKept(client.name, failed))
        else:
            self._pause(client, known, failed, stamps)
        return failed

    def _pause(self, client: ClientSettings, known: _KnownMetadata, failed: Failed, stamps: Stamps) -> None:
        is_askers, shown = _is_askers(failed), client.grant.certificate
        before = known.pauses.get(shown, _Pause()) if is_askers else known.pause
        rest = before.rest.after(failed, self._clock.now_s(), self._clock.jitter(), LONGEST_PAUSE_S)
        pause = _Pause(rest, stamps)
        if is_askers:
            known.pauses[shown] = pause
        else:
            known.pause = pause

    async def _look(self, client: ClientSettings) -> tuple[Look, ...]:
        """Ask one URL after the other, until one has the metadata or the server is unreachable."""
        looks: list[Look] = []
        for url in metadata_places(client.grant.issuer or ""):
            answer = await self._transport.send(client, ServerRequest(url, _HEADERS))
            looks.append(_seen(url, answer, client, self._clock.wall_s()))
            if isinstance(answer, Failed) or isinstance(looks[-1].found, ServerMetadata):
                break
        return tuple(looks)


def _is_askers(found: ServerMetadata | Failed) -> bool:
    """Whether the certificate that was presented may have caused a failure: another client's may work."""
    return isinstance(found, Failed) and (
        found.cause in _OF_CERTIFICATES or found.key in _KEYS_OF_CERTIFICATES
    )


def _stamps(client: ClientSettings) -> Stamps:
    return stamps_of(trust_in_server(client).files)


_CLOSED: Final = Failed(FailureKind.UNREACHABLE, "the gateway is shutting down")


def _seen(url: str, answer: ServerAnswer | Failed, client: ClientSettings, wall_now_s: float) -> Look:
    if isinstance(answer, Failed):
        # The transport names the server; add what it was asked for, unless a file of ours is at fault.
        reason = answer.reason if answer.key else f"no metadata of the issuer: {answer.reason}"
        return Look(url, replace(answer, reason=reason))
    issuer = client.grant.issuer or ""
    found = read_metadata(answer, issuer, wall_now_s, allows_insecure=client.reach.allows_insecure)
    return Look(url, found, answer.status, said_issuer(answer))


def _most_telling(looks: tuple[Look, ...]) -> Failed:
    """A wrong document says more than a missing one, and so does a server that is down."""
    failures = [(look.said_issuer, look.found) for look in looks if isinstance(look.found, Failed)]
    telling = [found for said, found in failures if said or found.kind is not FailureKind.INVALID]
    return (telling or [found for _, found in failures])[-1]
