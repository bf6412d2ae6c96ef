"""What may stand under `routes`: which requests match, and what happens to them.

Rules: as in `document_model`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.tls.tls_model import UpstreamTls
from gateway.config.values.key_types import (
    AccessWord,
    Audience,
    CallerAuthorizationWord,
    Duration,
    Host,
    Method,
    OverrideField,
    ParameterName,
    ParameterValue,
    Path,
    RefusalStatus,
    RequestField,
    RequestFields,
    Resource,
    ResponseField,
    ResponseFields,
    Scope,
    Size,
    Text,
    TokenRequestFields,
    Upstream,
)
from gateway.config.values.strict import Strict, flag, optional, required


class RequestRules(Strict):
    """Changes to the header of the request: removed, then set, then added."""

    set: RequestFields | None = optional("Fields that replace all of their name.")
    add: RequestFields | None = optional("Fields that go out beside others of their name.")
    remove: list[RequestField] | None = optional("Names of fields that do not pass.")
    allow: list[OverrideField] | None = optional(
        "Names of fields such as X-HTTP-Method-Override, which pass only where they are allowed."
    )


class ResponseRules(Strict):
    """Changes to the header of the answer: removed, then set, then added."""

    set: ResponseFields | None = optional("Fields that replace all of their name.")
    add: ResponseFields | None = optional("Fields that go out beside others of their name.")
    remove: list[ResponseField] | None = optional("Names of fields that do not pass.")


class Headers(Strict):
    """What is changed in header fields on the way."""

    request: RequestRules | None = optional("In the request to the upstream.")
    response: ResponseRules | None = optional("In the answer to the caller.")


class RouteTimeouts(Strict):
    """Bounds on parts of a request."""

    connect_s: Duration | None = optional(
        "For a connection to the upstream, TLS included.", "5s", alias="connect"
    )
    response_s: Duration | None = optional(
        "From the request's last byte to the head of the answer; also for the wait for a token.",
        "60s",
        alias="response",
    )
    idle_s: Duration | None = optional("Without a byte of a body, in either direction.", "60s", alias="idle")


class Route(Strict):
    """A rule that matches requests and says what happens to them."""

    path: Path = required("A prefix on segment borders: /crm matches /crm and /crm/..., not /crmx.")
    methods: Annotated[list[Method], Field(min_length=1)] | None = optional("Any, if left out.")
    host: Host | None = optional("Any, if left out; *.example.com matches every name below it.")
    upstream: Upstream = required(
        "http://host[:port][/path], https://..., whose path goes in front, or unix:/path."
    )
    strip_prefix: bool = flag("Forward without the route's path.")
    preserve_host: bool = flag("Forward the caller's Host instead of the upstream's.")
    client: Text | None = optional("Whose token is injected; left out: none.")
    scope: Scope | None = optional("Narrows the client's scope.")
    audience: Audience | None = optional("Replaces the client's audience.")
    resource: Resource | None = optional("Replaces the client's resource.")
    parameters: dict[ParameterName, ParameterValue] | None = Field(
        default=None,
        repr=False,
        description="Replace the client's parameters of the same names, or add to them.",
    )
    token_headers: TokenRequestFields | None = Field(
        default=None,
        repr=False,
        description="Replace the client's `headers` of the same names in the token request, or add to them.",
    )
    allow_insecure: bool = flag("Send the token over http:// to another machine.")
    access: AccessWord | None = optional(
        "Who may use the route; needed where a token is injected and another machine can reach a listener."
    )
    allow_foreign_pages: bool = flag(
        "Take what web pages of other sites cause, and any Host, on loopback listeners, too."
    )
    authorization: CallerAuthorizationWord | None = optional(
        "What happens to the caller's own Authorization.", "replace"
    )
    recover_on: list[RefusalStatus] | None = optional(
        "Status codes by which the upstream says that it refused the token.", [401]
    )
    timeout: Duration | None = optional("For the whole request; unbounded if left out.")
    timeouts: RouteTimeouts | None = optional("Bounds on parts of a request.")
    max_body: Size | None = optional("The longest request body that is taken; unbounded if left out.")
    headers: Headers | None = optional("What is changed in header fields.")
    tls: UpstreamTls | None = optional("How an https:// upstream is verified, and who we are to it.")
