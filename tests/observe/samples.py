"""A record and a token to start from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.core.cause import Cause
from gateway.core.errors import UpstreamUnreachable
from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.source_state import RequestCounts, SourceState, TokenState
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Token
from gateway.observe.route_health import RouteHealth

RECORD = AccessRecord(
    started_at_s=1_700_000_000.25,
    request_id="0b7e1c1a",
    route="/crm",
    caller="127.0.0.1",
    forwarded_for="",
    method="GET",
    path="/crm/users",
    status=200,
    upstream_status=200,
    error="",
    request_bytes=0,
    answer_bytes=133,
    total_s=0.0125,
    token_s=0.001,
    upstream_s=0.01,
    token="ab12cd34",
    recovery=Recovery.NONE,
)


def record(**changes: Any) -> AccessRecord:
    return replace(RECORD, **changes)


def token(number: int) -> Token:
    """Tokens are numbered: the secret is `access_token_1`, the fingerprint `00000001`."""
    return Token(
        field_value=b"Bearer access_token_%d" % number,
        sent_at_s=0.0,
        expires_at_s=300.0,
        serial=number,
        fingerprint=f"{number:08x}",
    )


SECRETS = (SecretName(1, 2, "file:/run/crm-new", 1e9), SecretName(2, 2, "file:/run/crm", 1e9))
HEALTHY = SourceState(
    client=ClientName("crm"),
    has_had_token=True,
    is_in_flight=False,
    token=TokenState("ab12cd34", 1, 1.0, 299.0, ()),
    requests=RequestCounts(),
    last_error="",
    last_code="",
    last_reason="",
    retry_in_s=0.0,
    facts=ClientFacts("https://login.test/token", 2, 2, (), SECRETS[1], SECRETS),
)
FAILING = replace(
    HEALTHY,
    token=None,
    last_error="token_unavailable",
    last_side="authorization server",
    last_cause="unknown_authority",
    last_key="clients.crm.tls.ca",
)


def troubled():
    """The health of a route whose upstream is down."""
    health = RouteHealth("/crm", "routes[0]", "crm", lambda: 0.0)
    health.failed(UpstreamUnreachable("no connection to the upstream", cause=Cause.CONNECTION_REFUSED))
    return health
