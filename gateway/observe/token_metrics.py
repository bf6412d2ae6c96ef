"""Counting a client's token requests and remembering its latest token's instants.

Rules:

- The gauges are instants (seconds since 1970), not ages, as the Prometheus guide for instrumentation asks:
  they stay true between two scrapes and also when we hang; ``time() - x`` and ``x - time()`` give the
  age and what is left.
- A client whose routes narrow its scope holds several tokens: the gauges tell of the latest obtained.
- Every series of a client exists from its first event, at zero: a rate needs a value before the first fault.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.client_settings import ClientName
from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Failed
from gateway.core.token import Token
from gateway.observe.error_sides import sides_by_code
from gateway.observe.histogram import Histogram


class ClientMetrics:
    """What is counted for one client. Instants are seconds since 1970; None: no token yet."""

    __slots__ = (
        "durations",
        "expires_at_s",
        "failures",
        "fingerprint",
        "rejected",
        "requested_at_s",
        "requests",
        "revocations",
        "scope_reductions",
        "switches",
    )

    def __init__(self) -> None:
        self.requests = dict.fromkeys(Reason, 0)
        self.failures = dict.fromkeys(sides_by_code(AuthorizationServerError), 0)
        self.durations = Histogram()
        self.rejected = self.switches = self.scope_reductions = 0
        self.revocations = {"revoked": 0, "failed": 0}
        self.fingerprint = ""
        self.requested_at_s: float | None = None
        self.expires_at_s: float | None = None


class TokenMetrics:
    """A `TokenObserver` that counts."""

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self.clients: dict[ClientName, ClientMetrics] = {}
        self._wall_s = wall_s

    def client(self, name: ClientName) -> ClientMetrics:
        """Give the counters of a client; called once for each at the start, so that its zeros are seen."""
        return self.clients.setdefault(name, ClientMetrics())

    def token_requested(self, client: ClientName, reason: Reason) -> None:
        """Count a token request by its reason."""
        self.client(client).requests[reason] += 1

    def token_obtained(self, client: ClientName, token: Token, lifetime_s: float, took_s: float) -> None:
        """Observe how long it took, and remember from when to when the token lives."""
        metrics = self.client(client)
        metrics.durations.observe(took_s)
        metrics.fingerprint = token.fingerprint
        metrics.requested_at_s = self._wall_s() - took_s
        metrics.expires_at_s = metrics.requested_at_s + lifetime_s

    def token_failed(self, client: ClientName, error: AuthorizationServerError, retry_in_s: float) -> None:  # noqa: ARG002 - the observer's signature
        """Count a failed token request by the error's code."""
        failures = self.client(client).failures
        failures[error.code] = failures.get(error.code, 0) + 1

    def token_rejected(self, client: ClientName, token: Token) -> None:  # noqa: ARG002 - as above
        """Count a rejected token; it may live on all the same."""
        self.client(client).rejected += 1

    def credential_switched(self, client: ClientName, accepted: SecretName) -> None:  # noqa: ARG002 - as above
        """Count that another secret than before is accepted."""
        self.client(client).switches += 1

    def credential_kept(self, client: ClientName, reason: str) -> None:
        """Nothing to count: the token requests go on."""

    def scope_reduced(self, client: ClientName, missing: tuple[str, ...]) -> None:  # noqa: ARG002 - as above
        """Count that less is granted than was asked."""
        self.client(client).scope_reductions += 1

    def metadata_objected(self, client: ClientName, objections: tuple[str, ...]) -> None:
        """Nothing to count: `/clients` and the log tell it."""

    def metadata_kept(self, client: ClientName, failed: Failed) -> None:
        """Nothing to count: the token requests tell whether it matters."""

    def token_revoked(self, client: ClientName, fingerprint: str, failed: Failed | None) -> None:  # noqa: ARG002 - as above
        """Count by outcome."""
        self.client(client).revocations["revoked" if failed is None else "failed"] += 1
