"""The seam between what holds credentials and what makes them.

A source (`source`, `requester`, `turns`) decides when a credential is wanted, who waits for it and how long
it lives; a maker knows how one is had and given up: by an OAuth grant (`grant_maker`), by a login. Neither
knows anything else of the other. `makers` alone chooses the kind of a maker.

What an implementation owes:

- It serves one client and grant, and keeps no credential: what it hands out belongs to the source.
- `make` sends what must be sent, in as many requests as it takes, each within the client's timeout, and
  returns the outcome. It decides neither when to ask nor whether to ask again: the source has a request in
  flight at most once, at least a second after the last one, with a back-off after each failure. It may
  repeat a request only if not a byte of it was answered, or if the answer says how (another secret, a nonce).
- Secrets are read anew for each request, so that a replaced file takes effect; what cannot be read is a
  failure of kind UNSENT (`credentials.unusable`). Reads that block for long go to `aside`.
- Nothing but cancellation is raised. A failure's kind decides back-off and status (`token_outcome`), its
  `reason` is in words of ours, without text of the server, and without URLs.
- No secret, token, cookie or body is in any `repr`.

The doctor asks the same object (`ExaminedMaker`): what it sent and got, request by request. What must be said
about these the maker's `Witness` says, whose modules are loaded only then.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.metadata import Look
from gateway.core.oauth.token_attempt import Asked
from gateway.core.oauth.token_outcome import Failed, Granted, Outcome
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.token import Token

if TYPE_CHECKING:
    from gateway.core.oauth.diagnosis.witness import Witness


class Maker(Protocol):
    """Makes the credentials of one client and grant, and retires them."""

    @property
    def client(self) -> ClientSettings:
        """Whose credentials they are; the source uses its name, its grant and its `default_lifetime_s`."""

    @property
    def registration(self) -> Hashable:
        """The account at the server: makers whose accounts are equal take turns while it may be refused.

        Some servers lock an account after a few refused attempts, whichever client or grant makes them.
        """

    @property
    def is_bound(self) -> bool:
        """Whether its credentials are bound to something that may be replaced while they live."""

    @property
    def retires(self) -> bool:
        """Whether living credentials that are no longer used must be retired."""

    async def make(self) -> Outcome:
        """Make a credential now.

        Returns:
            `Granted`: the main part and the further parts by name, all of this one credential, since the
            source replaces them together; and how long it lives, counted from the call of this method, or
            None if nothing says. The source numbers the credentials.
        """

    async def retire(self, token: Token) -> Failed | None:
        """Give up a credential that nobody uses any more (revocation, logout); None on success.

        All parts are in `token.parts`.
        """

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> Granted | None:
        """Return a credential of its own as an upstream has renewed it, or None if it has not.

        `set_cookies` are the values of ``Set-Cookie`` in a response that accepted `token`.
        """

    def mark(self) -> Hashable:
        """Return a value that changes when anything is replaced that authenticates the client.

        A back-off ends early when it does. It is asked for once a second, so it costs little.
        """

    def binding_mark(self) -> Hashable:
        """Return a value that changes when that is replaced which its credentials are bound to.

        A living credential is then replaced at once.
        """

    def rest(self) -> Rest:
        """Return the pause that the maker itself keeps, as while an issuer cannot be reached."""

    def facts(self) -> ClientFacts:
        """Return what `/clients`, metrics and the log may show of the client."""

    def key_of(self, failed: Failed) -> str:
        """Return the key of `gateway.yaml` to check after a failure, in full: ``clients.crm.scope``."""


class ExaminedMaker(Maker, Protocol):
    """A maker that the doctor can examine."""

    async def ask(self) -> Asked:
        """Make a credential as `make` does; return each request as it went, and the outcome.

        An attempt says what was looked for in its answer and not found (`TokenAttempt.missing`); where a
        credential takes several requests, it says which step it was.
        """

    def looks(self) -> tuple[Look, ...]:
        """Return where the server's metadata was looked for; none if it is not needed."""

    def alternatives(self, asked: Asked) -> Iterator[tuple[str, Maker]]:
        """Yield other settings to try after a refusal, as written in `gateway.yaml`, with a maker for each.

        No alternative may reveal more than the configured settings do.
        """

    def witness(self) -> Witness:
        """Return what tells the doctor about the requests."""
