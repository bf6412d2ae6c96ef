"""Where an issuer's endpoints are: asked when first needed, kept, renewed in the background (RFC 8414).

Rules:

- One question at a time for an issuer, whoever waits; the question belongs to this module, not to who waits.
- Metadata that is past its lifetime is used while it is renewed, and while renewing fails: an authorization
  server whose metadata is out of reach may well give tokens.
- It is renewed at once when a request failed in a way that a moved endpoint would explain, and the next
  request waits for what is found, but not longer than `WAIT_S`: the issuer may be out of reach.
- Each doubt in a row that nothing came of doubles the pause before the next question, from one second to
  `RENEW_INTERVAL_S`; ``Retry-After`` is honoured. While nothing is known yet, the token source's own pauses
  bound it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from gateway.core.client_settings import ClientSettings, Reach, TlsFiles
from gateway.core.clock import Clock
from gateway.core.metadata import Look, ServerMetadata, metadata_places, read_metadata, said_issuer
from gateway.core.record import TokenObserver
from gateway.core.server_answer import ServerAnswer
from gateway.core.token_outcome import Failed, FailureKind
from gateway.oauth.transport import ServerRequest, Transport

RENEW_INTERVAL_S: Final = 60.0
WAIT_S: Final = 5.0
_MOST_DOUBLINGS: Final = 6  # 2**6 s is beyond the interval
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(slots=True)
class _Known:
    """What is known of one issuer.

    Attributes:
        not_before_s: until when it asked to be left alone.
        is_doubted: an endpoint that it names did not answer as one.
        in_vain: how often in a row it was renewed because of that, and nothing new was found.
    """

    metadata: ServerMetadata | None = None
    asked_at_s: float = -inf
    renew_at_s: float = -inf
    not_before_s: float = -inf
    is_doubted: bool = False
    in_vain: int = 0
    looks: tuple[Look, ...] = ()
    question: asyncio.Task[ServerMetadata | Failed] | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    issuer: str
    reach: Reach
    certificate: TlsFiles | None


class Discovery:
    """The metadata of all issuers of a process; belongs to one event loop."""

    def __init__(self, transport: Transport, clock: Clock, observer: TokenObserver) -> None:
        self._transport = transport
        self._clock = clock
        self._observer = observer
        self._known: dict[_Key, _Known] = {}

    async def metadata(self, client: ClientSettings) -> ServerMetadata | Failed:
        """Give what is known of the client's issuer, asking if that is nothing, or in doubt."""
        known = self._of(client)
        self._renew_if_due(client, known)
        question = known.question
        if question is not None and (known.metadata is None or known.is_doubted):
            await asyncio.wait({question}, timeout=None if known.metadata is None else WAIT_S)
        if known.metadata is not None:
            return known.metadata
        assert question is not None  # as long as nothing is known, it is time to renew
        return _CLOSED if question.cancelled() else question.result()

    def doubt(self, client: ClientSettings) -> None:
        """Renew the metadata: an endpoint that it names does not answer as one."""
        known = self._of(client)
        if known.metadata is None or known.question is not None:
            return  # what is asked already will be newer than the doubt
        known.is_doubted = True
        pause_s = min(RENEW_INTERVAL_S, 2.0 ** min(known.in_vain, _MOST_DOUBLINGS))
        may_ask_at_s = max(known.asked_at_s + pause_s, known.not_before_s)
        known.renew_at_s = min(known.renew_at_s, may_ask_at_s)
        self._renew_if_due(client, known)

    def trust(self, client: ClientSettings) -> None:
        """Remember that an endpoint that the metadata names answered as one."""
        known = self._of(client)
        known.is_doubted, known.in_vain = False, 0

    def looks(self, client: ClientSettings) -> tuple[Look, ...]:
        """Give the places that were looked at last, for the operator."""
        return self._of(client).looks

    async def close(self) -> None:
        """End all questions."""
        questions = [known.question for known in self._known.values() if known.question is not None]
        for question in questions:
            question.cancel()
        if questions:
            await asyncio.wait(questions)

    def _of(self, client: ClientSettings) -> _Known:
        assert client.grant.issuer is not None
        key = _Key(client.grant.issuer, client.reach, client.grant.certificate)
        return self._known.setdefault(key, _Known())

    def _renew_if_due(self, client: ClientSettings, known: _Known) -> None:
        if known.question is None and self._clock.now_s() >= known.renew_at_s:
            # Owned by this object, not by a task group: it outlives whoever waits, and close() ends it.
            known.question = asyncio.get_running_loop().create_task(self._ask(client, known))

    async def _ask(self, client: ClientSettings, known: _Known) -> ServerMetadata | Failed:
        known.asked_at_s = self._clock.now_s()
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
            self._observer.metadata_kept(client.name, failed)
        return failed

    async def _look(self, client: ClientSettings) -> tuple[Look, ...]:
        """Look at one place after the other, until one has it or the server is out of reach."""
        looks: list[Look] = []
        for url in metadata_places(client.grant.issuer or ""):
            answer = await self._transport.send(client, ServerRequest(url, _HEADERS))
            looks.append(_seen(url, answer, client, self._clock.wall_s()))
            if isinstance(answer, Failed) or isinstance(looks[-1].found, ServerMetadata):
                break
        return tuple(looks)


_CLOSED: Final = Failed(FailureKind.UNREACHABLE, "the gateway is shutting down")


def _seen(url: str, answer: ServerAnswer | Failed, client: ClientSettings, wall_now_s: float) -> Look:
    if isinstance(answer, Failed):
        # The transport speaks of the server that was asked: say what it was asked for; of our files not.
        reason = answer.reason if answer.key else f"no metadata of the issuer: {answer.reason}"
        return Look(url, replace(answer, reason=reason))
    issuer = client.grant.issuer or ""
    found = read_metadata(answer, issuer, wall_now_s, allows_insecure=client.reach.allows_insecure)
    return Look(url, found, answer.status, said_issuer(answer))


def _most_telling(looks: tuple[Look, ...]) -> Failed:
    """A wrong document says more than a place where there is none, and so does a server that is down."""
    failures = [(look.said_issuer, look.found) for look in looks if isinstance(look.found, Failed)]
    telling = [found for said, found in failures if said or found.kind is not FailureKind.INVALID]
    return (telling or [found for _, found in failures])[-1]
