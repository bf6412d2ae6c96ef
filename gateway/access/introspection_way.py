"""Callers known by a token that its authorization server is asked about (RFC 7662).

Rules:

- An answer is remembered for as long as the way says, and never past the token's end; a token that is not
  active for 10 s. A failure is not remembered: the caller gets a 503, and is not blamed.
- One question at a time for each token, however many requests wait for it.
- After a failure nothing is asked for `PAUSE_S`, or for as long as the server asks: what callers send is no
  load on a server that is sick. But a failure over a token that was never good, be it one that the server
  chokes on, stops no questions about tokens that were, unless the server asks for it.
- Tokens that were never good are rationed as everywhere (`allowance`). At most `MOST_NEW` questions about
  them are under way, so that a slow server has places left for those about others.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Final

from gateway.access.allowance import Allowance
from gateway.access.flights import Flights
from gateway.access.verified import Verified
from gateway.access.waiting_room import FairSlots
from gateway.access.way import Introspector, Pending
from gateway.core.access.asked import Asked
from gateway.core.access.binding import Bound, known_or_bound
from gateway.core.access.evidence import Slot, is_too_long, without_scheme
from gateway.core.access.finding import Bad, Fault, Finding, Known, Unsure
from gateway.core.access.introspected import introspected, is_token
from gateway.core.access.jwt_token import TOO_LONG, issuer_of
from gateway.core.access.limits import address_of, network_of
from gateway.core.access.refusal import BEARER
from gateway.core.access.token_claims import ClaimRules
from gateway.core.caller import WayName
from gateway.core.clock import Clock
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.settings.access_settings import IntrospectionWay
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.text.json_object import JsonObject

if TYPE_CHECKING:
    from gateway.access.possession import Possession

PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
MOST_NEW: Final = 8
"""A half of the requests that go to one server at a time."""
NO_TOKEN: Final = Bad("the token holds signs that no token has")
TOO_MANY: Final = Unsure("too many new tokens arrive at once", fault=Fault.LOAD)
LATE: Final = Unsure("the authorization server does not answer in time")


@dataclass(frozen=True, slots=True)
class Questions:
    """Whom to ask, and as whom.

    Attributes:
        client: which of ours authenticates.
    """

    introspector: Introspector
    client: ClientSettings
    endpoint: str | None

    async def ask(self, token: bytes) -> JsonObject | tuple[str, float | None]:
        """Return what the server says of a token, or why it does not, and when it wants to be asked again."""
        return await self.introspector.introspect(self.client, self.endpoint, token)


class IntrospectedTokens:
    """Implements `CredentialWay`."""

    slot = Slot.BEARER
    header = b"authorization"
    challenge = BEARER

    def __init__(
        self,
        name: WayName,
        settings: IntrospectionWay,
        questions: Questions,
        allowance: Allowance,
        clock: Clock,
    ) -> None:
        self.name = name
        self._issuer = settings.issuer
        audience = frozenset(settings.audience)
        self._rules = ClaimRules(name, settings.issuer, audience, settings.id_claim, needs_end=False)
        self._questions = questions
        self._allowance = allowance
        self._now_s: Callable[[], float] = clock.now_s
        self._wall_s: Callable[[], float] = clock.wall_s
        self._flights = Flights(clock.now_s)
        self._slots = FairSlots(MOST_NEW)
        self._possession: Possession | None = None
        self._clock = clock
        self._not_before_s = {False: -inf, True: -inf}  # about tokens that were never good, and that were
        self._trouble = ""
        self.verified = Verified(clock, settings.cache_s)

    def remembers(self, credential: bytes) -> bool:
        """Whether what came of a token is remembered."""
        return self.verified.recall(credential) is not None

    def is_for(self, credential: bytes) -> bool:
        """Whether the token is opaque, or says that it is from the issuer of this way."""
        issuer = issuer_of(without_scheme(credential)[0])
        return issuer is None or issuer == self._issuer

    def look(self, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding | Pending:
        """Remember what was said of a token, or ask."""
        found = self.verified.recall(credential)
        if found is not None:
            return found if type(found) is not Bound else self._proven(found, credential, head, caller)
        digest = self.verified.digest(credential)
        token, _ = without_scheme(credential)
        if is_too_long(token):
            return TOO_LONG
        if not is_token(token):
            return NO_TOKEN
        was_good = self.verified.was_good(digest)
        if not was_good and self._allowance.is_used_up_for(address_of(head, caller)):
            return TOO_MANY
        left_s = self._not_before_s[was_good] - self._now_s()
        if left_s > 0.0 and digest not in self._flights:
            return Unsure(self._trouble, ceil(left_s))
        return Pending(partial(self._found, credential, digest, head, caller))

    def again(self, credential: bytes) -> Finding | Pending:
        """Ask about a token again, as soon as what was said of it may be forgotten."""
        found = self.verified.recall(credential)
        if found is not None:
            return found
        digest = self.verified.digest(credential)
        left_s = self._not_before_s[True] - self._now_s()
        if left_s > 0.0 and digest not in self._flights:
            return Unsure(self._trouble, ceil(left_s))
        return Pending(partial(self._asked, digest, partial(self._ask, credential, digest, was_good=True)))

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return no file: those of the client are watched with it."""
        return ()

    def state(self) -> Mapping[str, object]:
        """Return as whom it asks, and how many tokens are remembered."""
        return {
            "kind": "introspection",
            "client": self._questions.client.name,
            "remembered": len(self.verified),
            "trouble": self._trouble,
        }

    def keep(self, asked: Asked) -> None:
        """Remember of callers what is asked about them."""
        self.verified.keep(asked)

    def key_set(self) -> None:
        """Return nothing: no keys are fetched."""

    def start(self) -> None:
        """Begin nothing: the server is asked when there is a token."""

    async def close(self) -> None:
        """End the questions under way."""
        await self._flights.close()

    def _proven(self, found: Finding, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding:
        """Return a finding, unless the request does not prove what its token is bound to."""
        if not isinstance(found, Bound):
            return found
        if self._possession is None:
            # Loads the libraries for signatures, which nobody else needs here.
            from gateway.access.possession import Possession  # noqa: PLC0415

            self._possession = Possession(self._clock)
        return self._possession.judged(found, without_scheme(credential)[0], head, caller)

    async def _found(
        self, credential: bytes, digest: bytes, head: RequestHead, caller: CallerFields, deadline_s: float
    ) -> Finding:
        was_good = self.verified.was_good(digest)
        ask = partial(self._ask, credential, digest, was_good=was_good)
        if not was_good and digest not in self._flights:
            network = network_of(address_of(head, caller))
            if not await self._has_turn(network, deadline_s):
                return TOO_MANY
            if digest in self._flights:
                self._slots.give_back()  # somebody else asks about the same token meanwhile
            else:
                ask = partial(self._ask_anew, ask)
        found = await self._asked(digest, ask, deadline_s)
        return self._proven(found, credential, head, caller)

    async def _asked(
        self, digest: bytes, ask: Callable[[], Coroutine[Any, Any, Finding]], deadline_s: float
    ) -> Finding:
        return await self._flights.join(digest, ask, deadline_s) or LATE

    async def _has_turn(self, network: str, deadline_s: float) -> bool:
        """Take a turn and a slot for a token that was never good; False if they cannot be had in time."""
        if not await self._allowance.turn(network, deadline_s):
            return False
        return await self._slots.take(network, deadline_s - self._now_s())

    async def _ask_anew(self, ask: Callable[[], Coroutine[Any, Any, Finding]]) -> Finding:
        try:
            return await ask()
        finally:
            self._slots.give_back()

    async def _ask(self, credential: bytes, digest: bytes, *, was_good: bool) -> Finding:
        token, has_proof_scheme = without_scheme(credential)
        said = await self._questions.ask(token)
        if isinstance(said, tuple):
            return self._failed(*said, was_good=was_good)
        self._trouble = ""
        who = introspected(said, self._rules, self._wall_s())
        found = who if isinstance(who, Bad) else known_or_bound(Known(who), has_proof_scheme=has_proof_scheme)
        return self.verified.put(digest, found)

    def _failed(self, trouble: str, asked_pause_s: float | None, *, was_good: bool) -> Unsure:
        """Ask nothing for a while: of tokens that were never good, and of others if that may not be why."""
        pause_s = min(max(PAUSE_S, asked_pause_s or 0.0), LONGEST_PAUSE_S)
        self._trouble = trouble
        for each in (False, True) if was_good or asked_pause_s is not None else (False,):
            self._not_before_s[each] = self._now_s() + pause_s
        return Unsure(trouble, ceil(pause_s))
