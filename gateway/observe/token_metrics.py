"""What is counted for the token requests of a client, and the instants of its latest token.

Rules:

- The gauges are instants (seconds since 1970), not ages, as Prometheus advises: they stay true between two
  scrapes, and while the gateway hangs. The age is ``time() - x``, and what is left ``x - time()``.
- A client whose routes narrow its scope holds several tokens; the gauges describe the one obtained last.
- Every series of a client starts at zero: a rate needs a value before the first fault.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    Reason,
    ScopeReduced,
    TokenEvent,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.core.settings.client_settings import ClientName
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
        """Return the counters of a client; called once for each at the start, so that its zeros are seen."""
        return self.clients.setdefault(name, ClientMetrics())

    def told(self, event: TokenEvent) -> None:
        """Count it for its client."""
        metrics = self.client(event.client)
        match event:
            case TokenRequested():
                metrics.requests[event.reason] += 1
            case TokenObtained():
                self._remember(metrics, event)
            case TokenFailed():
                metrics.failures[event.error.code] = metrics.failures.get(event.error.code, 0) + 1
            case TokenRejected():
                metrics.rejected += 1
            case TokenRevoked():
                metrics.revocations["revoked" if event.failed is None else "failed"] += 1
            case CredentialSwitched():
                metrics.switches += 1
            case ScopeReduced():
                metrics.scope_reductions += 1
            case CredentialKept() | MetadataObjected() | MetadataKept():
                pass  # not counted: token requests go on, and `/clients` and the log tell it
            case _:
                assert_never(event)

    def _remember(self, metrics: ClientMetrics, event: TokenObtained) -> None:
        metrics.durations.observe(event.took_s)
        metrics.fingerprint = event.token.fingerprint
        metrics.requested_at_s = self._wall_s() - event.took_s
        metrics.expires_at_s = metrics.requested_at_s + event.lifetime_s
