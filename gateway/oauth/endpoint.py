"""The token endpoint: authenticate the client, ask for a token, interpret the answer.

Rules:

- A token request is one HTTP request, and at most these besides: the same again with the nonce that the
  server wants (RFC 9449 section 8), and another with the client's next secret if this one is refused or
  cannot be read. Each of them is repeated, with proofs of its own, if a kept connection turns out to be
  dead.
- The secret that worked is tried first next time, by every grant of the client.
- Secrets, keys and assertions are read or made anew for every HTTP request.
- Nothing but cancellation is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gateway.core.clock import Clock
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import credential_key
from gateway.core.oauth.metadata import Look, ServerMetadata, may_have_moved
from gateway.core.oauth.named_secret import name_of
from gateway.core.oauth.objections import find_objections
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.shaped_answer import Reading, read_answer
from gateway.core.oauth.token_answer import read_revocation_answer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt, nonce_in
from gateway.core.oauth.token_events import CredentialSwitched, MetadataObjected, TokenObserver
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, Outcome
from gateway.core.oauth.token_request import BuiltRequest, build_token_request
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName, ClientSettings, Grant
from gateway.core.text.server_url import origin_of
from gateway.net.resolver import Resolver
from gateway.oauth.credentials import UNFIT, UNREADABLE, Credentials, random_jti, unusable
from gateway.oauth.discovery import Discovery
from gateway.oauth.secret_choice import SecretChoice
from gateway.oauth.transport import DEAD_CONNECTION, ServerRequest, Transport
from gateway.tls.trust import Trust

if TYPE_CHECKING:
    from gateway.oauth.dpop_key import DpopKey

MOST_NONCES: Final = 64
"""How many servers' nonces are kept: an issuer may name another endpoint each time."""
NO_REVOCATION: Final = Failed(FailureKind.INVALID, "the issuer names no revocation_endpoint")


class TokenEndpoint:
    """Requests tokens for all clients of a process; belongs to one event loop."""

    def __init__(
        self,
        clock: Clock,
        observer: TokenObserver,
        trust: Trust,
        new_jti: Callable[[], str] = random_jti,
        resolver: Resolver | None = None,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._transport = Transport(trust, resolver)
        self._discovery = Discovery(self._transport, clock, observer)
        self._credentials = Credentials(clock.wall_s, new_jti, observer.told, trust.aside)
        self._choice = SecretChoice()
        self._nonces: dict[str, str] = {}
        self._objections: dict[ClientName, tuple[str, ...]] = {}
        self._urls: dict[ClientName, str] = {}

    async def fetch(self, client: ClientSettings) -> Outcome:
        """Request a token for the client's grant."""
        return (await self.ask(client)).outcome

    async def ask(self, client: ClientSettings) -> Asked:
        """Request a token for the client's grant; return all attempts and the outcome."""
        if client.grant.token_endpoint is not None:
            return await self._ask_at(client.grant.token_endpoint, client)
        metadata = await self._discovery.metadata(client)
        if isinstance(metadata, Failed):
            return Asked((), metadata)
        asked = await self._ask_at(self._token_endpoint_in(metadata, client), client)
        self._compare(metadata, client)  # only now is it known which algorithms signed
        if asked.attempts:
            self._learn_where(client, asked.outcome)
        return asked

    async def _ask_at(self, url: str, client: ClientSettings) -> Asked:
        attempts: list[TokenAttempt] = []
        unsent = unusable(credential_key(client), UNREADABLE)
        for number in self._choice.order(client):
            attempt = await self._attempt(client, url, number)
            if isinstance(attempt, TokenAttempt) and attempt.wants_nonce:
                attempts.append(attempt)
                attempt = await self._attempt(client, url, number)
            if isinstance(attempt, Failed):
                unsent = attempt  # the next secret may be readable
                continue
            attempts.append(attempt)
            if not attempt.blames_secret:
                break
        if not attempts:
            return Asked((), unsent)
        self._learn_which(client, attempts[-1])
        return Asked(tuple(attempts), attempts[-1].outcome)

    async def revoke(self, client: ClientSettings, token: Secret) -> Failed | None:
        """Revoke `token` (RFC 7009); None on success."""
        url = await self._revocation_endpoint(client)
        if isinstance(url, Failed):
            return url
        # An assertion names its audience by the token endpoint, wherever it is sent (RFC 7523 section 3).
        token_endpoint = await self._token_endpoint(client)
        if isinstance(token_endpoint, Failed):
            return token_endpoint
        answer: ServerAnswer | Failed = DEAD_CONNECTION
        for is_fresh in (False, True):
            if answer is DEAD_CONNECTION:
                number = self._choice.in_use(client)
                request = self._credentials.request_about(client, number, token_endpoint, token)
                if isinstance(request, Failed):
                    return request
                answer = await self._post(client, url, request, is_fresh=is_fresh)
        failed = read_revocation_answer(answer, self._clock.wall_s())
        if client.revocation_endpoint is None and failed is not None and may_have_moved(failed):
            self._discovery.doubt(client)
        return failed

    def credentials_mark(self, client: ClientSettings) -> Hashable:
        """Return a value that changes when anything is replaced that authenticates the client."""
        return self._credentials.credentials_mark(client)

    def certificate_mark(self, client: ClientSettings) -> Hashable:
        """Return a value that changes when the client's certificate is replaced, and only then."""
        return self._credentials.certificate_mark(client)

    def issuer_rest(self, client: ClientSettings) -> Rest:
        """Return the pause during which the client's issuer is not asked for its metadata."""
        return Rest() if client.grant.token_endpoint is not None else self._discovery.rest(client)

    def facts(self, client: ClientSettings) -> ClientFacts:
        """Return what is known of the client."""
        return ClientFacts(
            token_endpoint=client.grant.token_endpoint or self._urls.get(client.name, ""),
            secret=self._choice.in_use(client) + 1,
            secrets=len(client.credentials),
            objections=self._objections.get(client.name, ()),
            accepted=self._choice.accepted(client),
            names=tuple(name_of(client.credentials, number) for number in range(len(client.credentials))),
            issuer=client.grant.issuer,
            method=client.grant.method.value,
            asked_scope=client.grant.scope,
        )

    def looks(self, client: ClientSettings) -> tuple[Look, ...]:
        """Return the URLs that were asked for the issuer's metadata; none without discovery."""
        return () if client.grant.token_endpoint is not None else self._discovery.looks(client)

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        await self._discovery.close()
        await self._transport.close()

    # ── where ─────────────────────────────────────────────────────────────────────────────────────

    async def _token_endpoint(self, client: ClientSettings) -> str | Failed:
        if client.grant.token_endpoint is not None:
            return client.grant.token_endpoint
        metadata = await self._discovery.metadata(client)
        if isinstance(metadata, Failed):
            return metadata
        return self._token_endpoint_in(metadata, client)

    def _token_endpoint_in(self, metadata: ServerMetadata, client: ClientSettings) -> str:
        url = metadata.token_endpoint_for(shows_certificate=client.grant.certificate is not None)
        self._urls[client.name] = url
        return url

    async def _revocation_endpoint(self, client: ClientSettings) -> str | Failed:
        if client.revocation_endpoint is not None:
            return client.revocation_endpoint
        if client.grant.token_endpoint is not None:
            return NO_REVOCATION  # with a token_endpoint nothing is discovered
        metadata = await self._discovery.metadata(client)
        if isinstance(metadata, Failed):
            return metadata
        url = metadata.revocation_endpoint_for(shows_certificate=client.grant.certificate is not None)
        return NO_REVOCATION if url is None else url

    def _compare(self, metadata: ServerMetadata, client: ClientSettings) -> None:
        found = find_objections(metadata, client, self._credentials.used_algorithms(client))
        if found != self._objections.get(client.name, ()):
            self._objections[client.name] = found
            self._observer.told(MetadataObjected(client.name, found))

    # ── one request ───────────────────────────────────────────────────────────────────────────────

    async def _attempt(self, client: ClientSettings, url: str, number: int) -> TokenAttempt | Failed:
        attempt = await self._once(client, url, number, is_fresh=False)
        if isinstance(attempt, TokenAttempt) and attempt.answer is DEAD_CONNECTION:
            return await self._once(client, url, number, is_fresh=True)
        return attempt

    async def _once(
        self, client: ClientSettings, url: str, number: int, *, is_fresh: bool
    ) -> TokenAttempt | Failed:
        grant = self._credentials.grant_now(client)
        if isinstance(grant, Failed):
            return grant
        proof = self._credentials.of_client(client, number, url)
        if isinstance(proof, Failed):
            return proof
        key = await self._credentials.dpop_key(client)
        if isinstance(key, Failed):
            return key
        try:
            request = build_token_request(grant, proof)
        except ValueError:
            return unusable(credential_key(client), UNFIT)
        dpop_proof = None
        if key is not None:
            made = key.proof(request.method.value, url, nonce=self._nonces.get(origin_of(url), ""))
            request, dpop_proof = request.with_field("DPoP", made), Secret(made)
        began_s = self._clock.stopwatch_s()
        answer = await self._post(client, url, request, is_fresh=is_fresh)
        took_s = self._clock.stopwatch_s() - began_s
        reading = self._understood(grant, answer, key)
        verb, missing = request.method.value, reading.missing
        return TokenAttempt(
            url, number, proof, dpop_proof, answer, reading.outcome, took_s, verb=verb, missing=missing
        )

    def _understood(self, grant: Grant, answer: ServerAnswer | Failed, key: DpopKey | None) -> Reading:
        if isinstance(answer, Failed):
            return Reading(answer)
        reading = read_answer(grant, answer, self._clock.wall_s())
        outcome = reading.outcome
        if isinstance(outcome, Granted) and outcome.is_bound and key is not None:
            return replace(reading, outcome=replace(outcome, prover=key.bound_to(outcome.access_token)))
        return reading

    async def _post(
        self, client: ClientSettings, url: str, built: BuiltRequest, *, is_fresh: bool
    ) -> ServerAnswer | Failed:
        request = ServerRequest(built.url(url), built.headers, built.body, built.method.value)
        answer = await self._transport.send(client, request, is_fresh=is_fresh)
        if isinstance(answer, ServerAnswer) and (nonce := nonce_in(answer)):
            self._remember(origin_of(url), nonce)  # any answer may bring one (RFC 9449 section 8.2)
        return answer

    def _remember(self, origin: str, nonce: str) -> None:
        if origin not in self._nonces and len(self._nonces) >= MOST_NONCES:
            del self._nonces[next(iter(self._nonces))]  # the oldest
        self._nonces[origin] = nonce

    def _learn_which(self, client: ClientSettings, last: TokenAttempt) -> None:
        if isinstance(last.outcome, Granted):
            if self._choice.took(client, last.number):
                accepted = name_of(client.credentials, last.number)
                self._observer.told(CredentialSwitched(client.name, accepted))
        elif last.blames_secret:
            self._choice.refused(client, last.number)

    def _learn_where(self, client: ClientSettings, outcome: Outcome) -> None:
        if isinstance(outcome, Granted) or outcome.code:  # with a code, an endpoint spoke
            self._discovery.trust(client)
        elif may_have_moved(outcome):
            self._discovery.doubt(client)
