"""Make tokens by an OAuth grant at a token endpoint, and revoke them (RFC 6749, RFC 7009)."""
# ruff: noqa: PLC0415 - what only the doctor needs is not loaded by the gateway

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import key_of
from gateway.core.oauth.metadata import Look
from gateway.core.oauth.token_attempt import Asked
from gateway.core.oauth.token_outcome import Failed, Granted, Outcome
from gateway.core.secret import Secret
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.client_settings import ClientSettings, GrantType
from gateway.core.token import Token
from gateway.oauth.endpoint import TokenEndpoint

if TYPE_CHECKING:
    from gateway.core.oauth.diagnosis.grant_witness import GrantWitness


class GrantMaker:
    """Implements `maker.ExaminedMaker` for a client of the endpoint that all share."""

    def __init__(self, endpoint: TokenEndpoint, client: ClientSettings) -> None:
        self._endpoint = endpoint
        self.client = client

    def __repr__(self) -> str:
        return f"<GrantMaker {self.client.name}>"

    @property
    def registration(self) -> Hashable:
        """The same for clients that authenticate to the same server in the same way."""
        grant = self.client.grant
        server = grant.token_endpoint or grant.issuer
        proof = (grant.method, grant.grant_type, grant.legacy_unencoded, grant.assertion, grant.certificate)
        # Other grants have their credentials, those of a user for one, among the owner's values.
        owners = (
            () if grant.grant_type in set(GrantType) else (grant.parameters, grant.headers, grant.request)
        )
        return server, grant.client_id, proof, owners

    @property
    def is_bound(self) -> bool:
        """Whether a certificate authenticates the client: its tokens may be bound to it (RFC 8705)."""
        return self.client.grant.certificate is not None

    @property
    def retires(self) -> bool:
        """Whether its tokens are revoked."""
        return self.client.revokes

    async def make(self) -> Outcome:
        """Request a token."""
        return await self._endpoint.fetch(self.client)

    async def retire(self, token: Token) -> Failed | None:
        """Revoke a token."""
        return await self._endpoint.revoke(self.client, Secret(dict(token.parts)[MAIN_PART]))

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> Granted | None:  # noqa: ARG002
        """Return None: an upstream renews no token."""
        return None

    def mark(self) -> Hashable:
        """Return a value that changes with the client's secrets, keys and certificates."""
        return self._endpoint.credentials_mark(self.client)

    def binding_mark(self) -> Hashable:
        """Return a value that changes with the client's certificate, and only then."""
        return self._endpoint.certificate_mark(self.client)

    def rest(self) -> Rest:
        """Return the pause during which the client's issuer is not asked for its metadata."""
        return self._endpoint.issuer_rest(self.client)

    def facts(self) -> ClientFacts:
        """Return what is known of the client."""
        return self._endpoint.facts(self.client)

    def key_of(self, failed: Failed) -> str:
        """Return the key of `gateway.yaml` to check."""
        return key_of(failed, self.client)

    # ── what the doctor asks ──────────────────────────────────────────────────────────────────────

    async def ask(self) -> Asked:
        """Request a token; return all attempts."""
        return await self._endpoint.ask(self.client)

    def looks(self) -> tuple[Look, ...]:
        """Return the URLs that were asked for the issuer's metadata; none without discovery."""
        return self._endpoint.looks(self.client)

    def alternatives(self, asked: Asked) -> Iterator[tuple[str, GrantMaker]]:
        """Yield what else to try with a secret that was refused."""
        from gateway.core.oauth.diagnosis.alternatives import alternatives

        last = asked.attempts[-1] if asked.attempts else None
        if last is None or not last.blames_secret:
            return
        for other in alternatives(self.client.grant, last.proof, last.url):
            yield other.setting, GrantMaker(self._endpoint, replace(self.client, grant=other.grant))

    def witness(self) -> GrantWitness:
        """Return what tells the doctor about grants."""
        from gateway.core.oauth.diagnosis.grant_witness import GrantWitness

        return GrantWitness(self.client)
