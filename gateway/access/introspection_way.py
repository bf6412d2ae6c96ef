"""Callers known by a token that its authorization server is asked about (RFC 7662).

Rules:

- An answer is remembered for as long as the way says, and never past the token's end; a token that is not
  active for 10 s. A failure is not remembered: the caller gets a 503, and is not blamed.
- One question at a time for each token, however many requests wait for it.
- After a failure nothing is asked for `PAUSE_S`, or for as long as the server asks: what callers send is no
  load on a server that is sick. Tokens that were never good are rationed as everywhere (`allowance`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from gateway.access.allowance import Allowance
from gateway.access.flights import Flights
from gateway.access.verified import Verified
from gateway.access.way import Introspector, Pending
from gateway.core.access.binding import Bound, known_or_bound
from gateway.core.access.evidence import Slot, is_too_long, without_scheme
from gateway.core.access.finding import Bad, Finding, Known, Unsure
from gateway.core.access.introspected import introspected, is_token
from gateway.core.access.jwt_token import TOO_LONG, issuer_of
from gateway.core.access.refusal import BEARER
from gateway.core.access.token_claims import ClaimRules
from gateway.core.access_settings import IntrospectionWay
from gateway.core.caller import WayName
from gateway.core.client_settings import ClientSettings
from gateway.core.clock import Clock
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.json_object import JsonObject
from gateway.core.oauth.named_secret import WatchedFile

if TYPE_CHECKING:
    from gateway.access.possession import Possession

PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
NO_TOKEN: Final = Bad("the token holds signs that no token has")
TOO_MANY: Final = Unsure("too many new tokens arrive at once", is_ours=True)
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
        self._possession: Possession | None = None
        self._clock = clock
        self._not_before_s = -inf
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
        if digest not in self._flights and (left_s := self._not_before_s - self._now_s()) > 0.0:
            return Unsure(self._trouble, ceil(left_s))
        return Pending(partial(self._found, credential, digest, head, caller))

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
        is_due = digest in self._flights or self.verified.was_good(digest)
        if not is_due and not await self._allowance.turn(deadline_s):
            return TOO_MANY
        ask = partial(self._ask, credential, digest)
        found = await self._flights.join(digest, ask, deadline_s) or LATE
        return self._proven(found, credential, head, caller)

    async def _ask(self, credential: bytes, digest: bytes) -> Finding:
        token, has_proof_scheme = without_scheme(credential)
        said = await self._questions.ask(token)
        if isinstance(said, tuple):
            self._trouble, pause_s = said[0], min(max(PAUSE_S, said[1] or 0.0), LONGEST_PAUSE_S)
            self._not_before_s = self._now_s() + pause_s
            return Unsure(self._trouble, ceil(pause_s))
        self._trouble = ""
        who = introspected(said, self._rules, self._wall_s())
        found = who if isinstance(who, Bad) else known_or_bound(Known(who), has_proof_scheme=has_proof_scheme)
        return self.verified.put(digest, found)
