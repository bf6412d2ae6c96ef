"""Callers known by a JWT access token of an issuer whose keys are known (RFC 9068)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final

from gateway.access.allowance import Allowance
from gateway.access.file_keys import FileKeys
from gateway.access.issuer_keys import IssuerKeys
from gateway.access.key_set import KeySet
from gateway.access.possession import Possession
from gateway.access.verified import Verified
from gateway.access.way import Documents, Pending
from gateway.core.access.asked import Asked
from gateway.core.access.binding import Bound, known_or_bound
from gateway.core.access.evidence import Slot, without_scheme
from gateway.core.access.finding import Bad, Fault, Finding, Known, Unsure
from gateway.core.access.jwt_token import UnverifiedToken, read_token, unverified_claims
from gateway.core.access.key_set_state import KeySetState
from gateway.core.access.limits import address_of, network_of
from gateway.core.access.refusal import BEARER, api_key_challenge
from gateway.core.access.token_claims import ClaimRules, caller_of, is_for_audience
from gateway.core.caller import WayName
from gateway.core.clock import Clock
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.settings.access_settings import JwtWay

BAD_SIGNATURE: Final = Bad("the signature of the token is not valid")
UNKNOWN_KEY: Final = Bad("the token is signed with a key that the issuer does not publish")
TOO_MANY: Final = Unsure("too many new tokens arrive at once", fault=Fault.LOAD)
_MOST_CANDIDATES: Final = 4
"""A token without a key id is tried with so many keys of its kind."""


def tokens_of(
    name: WayName, settings: JwtWay, documents: Documents, allowance: Allowance, clock: Clock
) -> Tokens:
    """Make the way that verifies the tokens of an issuer."""
    keys: KeySet | FileKeys
    if settings.keys_file is not None:
        keys = FileKeys(settings.keys_file, clock.now_s)
    else:
        keys = KeySet(IssuerKeys(settings, documents), clock)
    return Tokens(name, settings, keys, allowance, clock)


class Tokens:
    """Implements `CredentialWay`."""

    def __init__(
        self, name: WayName, settings: JwtWay, keys: KeySet | FileKeys, allowance: Allowance, clock: Clock
    ) -> None:
        self.name = name
        own = settings.header
        self.slot = Slot.BEARER if own is None else Slot.API_KEY
        self.header = b"authorization" if own is None else own.lower().encode("ascii")
        self.challenge = BEARER if own is None else api_key_challenge(own)
        self.keys = keys
        self._issuer = settings.issuer
        self._algorithms = settings.algorithms
        self._takes_any_type = settings.takes_any_type
        audience = frozenset(settings.audience)
        self._rules = ClaimRules(name, settings.issuer, audience, settings.id_claim)
        self._allowance = allowance
        self._wall_s: Callable[[], float] = clock.wall_s
        self._possession = Possession(clock)
        self.verified = Verified(clock)
        self._file = keys.file if isinstance(keys, FileKeys) else None
        self._now_s: Callable[[], float] = clock.now_s
        keys.changed = self.verified.forget

    def remembers(self, credential: bytes) -> bool:
        """Whether what came of a token is remembered."""
        return self.verified.recall(credential) is not None

    def is_for(self, credential: bytes) -> bool:
        """Whether the token says that it is from this issuer, and for this audience."""
        claims = unverified_claims(without_scheme(credential)[0])
        return (
            claims is not None and claims.get("iss") == self._issuer and is_for_audience(claims, self._rules)
        )

    def look(self, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding | Pending:
        """Verify a token, or remember what came of it."""
        if self._file is not None:
            self._file.present()  # which forgets what was verified by other keys
        found = self.verified.recall(credential)
        if found is None:
            return self._look_anew(credential, self.verified.digest(credential), head, caller)
        # What is bound to nothing, and that is nearly everything, goes on at once.
        return found if type(found) is not Bound else self._proven(found, credential, head, caller)

    def again(self, credential: bytes) -> Finding:
        """Verify a token by the present keys; one whose key is gone was signed with one that is withdrawn."""
        if self._file is not None:
            self._file.present()
        found = self.verified.recall(credential)
        if found is not None:
            return found
        read = self._read(credential)
        return (
            read
            if isinstance(read, Bad)
            else self._remembered(self.verified.digest(credential), self._verified(*read))
        )

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return the file of its keys, if they are in one."""
        return self.keys.files()

    def state(self) -> Mapping[str, object]:
        """Return how its keys stand, and how many tokens are remembered."""
        return {
            "kind": "jwt",
            "issuer": self._issuer,
            "remembered": len(self.verified),
            "keys": self.keys.shown(),
        }

    def keep(self, asked: Asked) -> None:
        """Remember of callers what is asked about them."""
        self.verified.keep(asked)

    def key_set(self) -> KeySetState | None:
        """Return how the keys that it fetches stand."""
        return self.keys.state() if isinstance(self.keys, KeySet) else None

    def start(self) -> None:
        """Begin to fetch its keys, if they are fetched."""
        self.keys.start()

    async def close(self) -> None:
        """End the fetch under way."""
        await self.keys.close()

    def _proven(self, found: Finding, credential: bytes, head: RequestHead, caller: CallerFields) -> Finding:
        """Return a finding, unless the request does not prove what its token is bound to."""
        if not isinstance(found, Bound):
            return found
        return self._possession.judged(found, without_scheme(credential)[0], head, caller)

    def _look_anew(
        self, credential: bytes, digest: bytes, head: RequestHead, caller: CallerFields
    ) -> Finding | Pending:
        was_good = self.verified.was_good(digest)
        if not was_good and self._allowance.is_used_up_for(address_of(head, caller)):
            return TOO_MANY  # before the token is read, which costs a part of what its signature does
        read = self._read(credential)
        if isinstance(read, Bad):
            return read
        token, claimed = read
        if self._lacks_key(token):
            return self._verified(token, claimed)  # at no cost: no signature is verified
        if not self._may_know_key(token) or not (was_good or self._allowance.take()):
            network = network_of(address_of(head, caller))
            later = partial(self._verify_later, token, claimed, digest, network)
            return Pending(partial(self._proven_later, later, credential, head, caller))
        found = self._remembered(digest, self._verified(token, claimed))
        return self._proven(found, credential, head, caller)

    def _read(self, credential: bytes) -> tuple[UnverifiedToken, Known | Bad] | Bad:
        """Return a token, and what it is worth if its signature is valid."""
        text, has_proof_scheme = without_scheme(credential)
        token = read_token(text, self._algorithms, takes_any_type=self._takes_any_type)
        if isinstance(token, Bad):
            return token
        who = caller_of(token.claims, self._rules, self._wall_s())
        if isinstance(who, Bad):
            return who
        return token, known_or_bound(Known(who), has_proof_scheme=has_proof_scheme)

    async def _proven_later(
        self,
        verify: Callable[[float], Awaitable[Finding]],
        credential: bytes,
        head: RequestHead,
        caller: CallerFields,
        deadline_s: float,
    ) -> Finding:
        return self._proven(await verify(deadline_s), credential, head, caller)

    def _may_know_key(self, token: UnverifiedToken) -> bool:
        """Whether a wait for the issuer's keys would change nothing."""
        keys = self.keys
        return bool(keys.candidates(token.key_id, token.algorithm)) or not keys.may_fetch()

    def _lacks_key(self, token: UnverifiedToken) -> bool:
        """Whether there is no key for a token, and none can be fetched now."""
        keys = self.keys
        return not keys.candidates(token.key_id, token.algorithm) and not keys.may_fetch()

    async def _verify_later(
        self, token: UnverifiedToken, claimed: Known | Bad, digest: bytes, network: str, deadline_s: float
    ) -> Finding:
        if not self._may_know_key(token):
            await self.keys.fetched(deadline_s)
        if not self.verified.was_good(digest) and not await self._allowance.turn(network, deadline_s):
            return TOO_MANY
        return self._remembered(digest, self._verified(token, claimed))

    def _remembered(self, digest: bytes, found: Finding) -> Finding:
        # Its key may be published a moment later: each request with it may cause the next fetch.
        return found if found is UNKNOWN_KEY else self.verified.put(digest, found)

    def _verified(self, token: UnverifiedToken, claimed: Known | Bad) -> Finding:
        """Return what a token claims to be worth, if its signature is valid."""
        keys = self.keys
        if not keys.is_usable:
            return Unsure("the keys of the issuer cannot be had", keys.retry_after_s)
        candidates = keys.candidates(token.key_id, token.algorithm)[:_MOST_CANDIDATES]
        if not candidates:
            keys.count_unknown()
            return UNKNOWN_KEY
        if not any(key.verifies(token.signed, token.signature, token.algorithm) for key in candidates):
            return BAD_SIGNATURE
        return claimed
