"""The keys of `routes`, by the rules of `document_model`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from gateway.config.clients.send_model import Send
from gateway.config.routes.access_model import Access
from gateway.config.routes.client_key import ClientsByCaller, RouteClient
from gateway.config.routes.gate_model import CorsModel, IdentityJwtModel, LimitModel
from gateway.config.routes.recovery_model import Refusals
from gateway.config.routes.rewrite_model import RewriteModel
from gateway.config.routes.tunnel_model import TunnelModel
from gateway.config.tls.tls_model import UpstreamTls
from gateway.config.values.key_types import (
    Audience,
    CallerAuthorizationWord,
    Duration,
    Flag,
    Host,
    Instance,
    Method,
    NoProxy,
    OverrideField,
    ParameterName,
    ParameterValue,
    Path,
    Proxy,
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
    """Changes to the request header: first remove, then set, then add."""

    set: RequestFields | None = optional("Fields that replace all others of their name.")
    add: RequestFields | None = optional("Fields that are added to others of their name.")
    remove: list[RequestField] | None = optional("Names of fields that are removed.")
    allow: list[OverrideField] | None = optional(
        "Names of fields such as X-HTTP-Method-Override, which are blocked unless allowed."
    )


class ResponseRules(Strict):
    """Changes to the response header: first remove, then set, then add."""

    set: ResponseFields | None = optional("Fields that replace all others of their name.")
    add: ResponseFields | None = optional("Fields that are added to others of their name.")
    remove: list[ResponseField] | None = optional("Names of fields that are removed.")


class Headers(Strict):
    """Changes to header fields."""

    request: RequestRules | None = optional("In the request to the upstream.")
    response: ResponseRules | None = optional("In the response to the caller.")


class RouteTimeouts(Strict):
    """Limits on parts of a request."""

    connect_s: Duration | None = optional(
        "For a connection to the upstream, including TLS.", "5s", alias="connect"
    )
    response_s: Duration | None = optional(
        "From the last byte of the request to the head of the response; also for the wait for a token.",
        "60s",
        alias="response",
    )
    idle_s: Duration | None = optional("Without a byte of a body in either direction.", "60s", alias="idle")


class RouteModel(Strict):
    """A rule that matches requests and says what happens to them."""

    path: Path = required("A prefix of whole segments: /crm matches /crm and /crm/..., but not /crmx.")
    methods: Annotated[list[Method], Field(min_length=1)] | None = optional(
        "Methods that match; any by default."
    )
    host: Host | None = optional(
        "The host that matches; any by default. *.example.com matches every name below it."
    )
    upstream: Upstream = required(
        "http://host[:port][/path] or https://..., whose path is prepended, unix:/path, the name of a group "
        "of `upstreams`, or {token.PART}/path if a part of the credential names it."
    )
    instances: Annotated[list[Instance], Field(min_length=1)] | None = optional(
        "The servers that the credential may name: https://host or https://*.example.com."
    )
    strip_prefix: Flag = flag("Remove the route's path before forwarding.")
    preserve_host: Flag = flag("Forward the caller's Host instead of the upstream's.")
    client: RouteClient | None = optional(
        "The client whose token is injected; or clients by who calls, as {by: caller, acme: crm}."
    )
    scope: Scope | None = optional("Narrows the scope of the client.")
    audience: Audience | None = optional("Replaces the audience of the client.")
    resource: Resource | None = optional("Replaces the resource of the client.")
    parameters: dict[ParameterName, ParameterValue] | None = Field(
        default=None,
        repr=False,
        description="Replace the client's parameters of the same names, and add others.",
    )
    token_headers: TokenRequestFields | None = Field(
        default=None,
        repr=False,
        description="Replace the client's `headers` of the same names in the token request, and add others.",
    )
    allow_insecure: Flag = flag("Allow the token to go to another machine over http://.")
    access: Access | None = optional(
        "Who may use the route: anyone, or a list of entries, of which one must be satisfied; required if it "
        "injects a token and another machine can reach a listener."
    )
    websocket: Flag = Field(
        default=True,
        description="Take WebSocket handshakes; otherwise they get 501.",
        json_schema_extra={"default": True},
    )
    tunnel: TunnelModel | None = optional("How long tunnels of WebSocket may last.")
    limits: list[LimitModel] | None = optional("How many requests are served.")
    cors: CorsModel | None = optional("Which pages of other origins may use the route in a browser.")
    identity: dict[RequestField, Text] | None = optional(
        "Fields that tell the upstream who calls, each with a text that holds {caller.id} or the like."
    )
    identity_jwt: IdentityJwtModel | None = optional(
        "A JWT, signed by the gateway, that tells the upstream who calls."
    )
    allow_foreign_pages: Flag = flag(
        "On loopback listeners, serve requests from web pages of other sites, and any Host."
    )
    authorization: CallerAuthorizationWord | None = optional(
        "What happens to the Authorization of the caller; keep where the credential goes elsewhere.",
        "replace",
    )
    send: Send | None = optional("Replaces the client's `send`.")
    recover_on: Refusals | None = optional(
        "Responses that mean that the upstream refused the token: status codes, or mappings.", [401]
    )
    timeout: Duration | None = optional("For the whole request; unlimited by default.")
    timeouts: RouteTimeouts | None = optional("Limits on parts of a request.")
    max_body: Size | None = optional("The longest request body that is accepted; unlimited by default.")
    headers: Headers | None = optional("Changes to header fields.")
    proxy: Proxy | None = Field(
        default=None,
        repr=False,
        description="The forward proxy to the upstream: http://host:port.",
    )
    no_proxy: Annotated[list[NoProxy], Field(min_length=1)] | None = optional(
        "Where the credential names the upstream: hosts, addresses and networks that the proxy is not for."
    )
    rewrite: RewriteModel | None = optional(
        "What of the upstream's responses is rewritten, so that callers stay on the route."
    )
    tls: UpstreamTls | None = optional("How an https:// upstream is verified, and our certificate for it.")

    @property
    def client_names(self) -> tuple[str, ...]:
        """The clients whose tokens it may inject."""
        if isinstance(self.client, ClientsByCaller):
            return self.client.names
        return (self.client,) if self.client is not None else ()

    def for_each_client(self) -> Iterator[RouteModel]:
        """Yield the route as it is with each of its clients; itself, if it has one or none."""
        if not isinstance(self.client, ClientsByCaller):
            yield self
            return
        for name in self.client.names:
            yield self.with_client(name)

    def with_client(self, name: str) -> RouteModel:
        """Return the route with one client."""
        return self.model_copy(update={"client": name})
