"""What may stand in `gateway.yaml`: every key, its type, its description.

Rules: the names are the registered ones wherever an RFC has one (RFC 7591, 8414, 8707). A key that is left
out is None or False here; its default is the one of `core.settings`, and the one shown is tested against it.
Attributes are named as the fields of `core.settings` where the model is handed over as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from gateway.config.client_model import Client
from gateway.config.key_types import (
    AccessLog,
    AccessWord,
    AdminAddress,
    Audience,
    CallerAuthorizationWord,
    ClientKey,
    Duration,
    HeadSize,
    Host,
    ListeningAddress,
    LogFormatWord,
    LogLevelWord,
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
    SocketMode,
    Strict,
    Text,
    TokenRequestFields,
    TrustedProxy,
    Upstream,
    flag,
    one_or_many_with_keys,
    optional,
    required,
)
from gateway.config.tls_model import ListenerTls, UpstreamTls


class Listener(Strict):
    """One listening socket. A text alone is its address."""

    address: ListeningAddress = required("`host:port` (port 0: any free one) or `unix:/path`.")
    mode: SocketMode | None = optional(
        'Permissions of a unix socket, as octal digits in quotes: "0660". Left out: what the umask leaves, '
        "or 0660 with a `group`."
    )
    group: Text | None = optional("The group that a unix socket is given to, by name or number.")
    tls: ListenerTls | None = optional("Serve HTTPS here.")

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"address": value}


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


class LimitRules(Strict):
    """Bounds on what a caller or an upstream may make us hold."""

    target_bytes: HeadSize | None = optional("The longest request target.", "8KiB", alias="target")
    header_bytes: HeadSize | None = optional("The largest header, all fields together.", "64KiB")
    headers: Annotated[int, Field(ge=1, le=10_000)] | None = optional("The most fields in a header.", 128)
    head_timeout_s: Duration | None = optional(
        "How long the head of a request may take to arrive.", "10s", alias="head_timeout"
    )
    keepalive_timeout_s: Duration | None = optional(
        "How long a caller's idle connection is kept.", "75s", alias="keepalive_timeout"
    )
    replay_bytes: Size | None = optional("The longest body that can be replayed.", "64KiB", alias="replay")
    replay_total_bytes: Size | None = optional(
        "Held for replays by all requests together.", "64MiB", alias="replay_total"
    )
    connections: Annotated[int, Field(ge=1, le=1_000_000)] | None = optional(
        "The most connections of callers, to all listeners together.", 10_000
    )
    buffers_bytes: Size | None = optional(
        "Held by all connections together, replays apart.", "256MiB", alias="buffers"
    )


class Log(Strict):
    """Where the records go."""

    level: LogLevelWord | None = optional("From which level on.", "info")
    format: LogFormatWord | None = optional("auto: text on a terminal, JSON elsewhere.", "auto")
    access: AccessLog = optional("Access records: stdout, stderr, off or the path of a file.", "stdout")


_OneListener = ListeningAddress | Listener
Listeners = Annotated[
    list[Listener],
    Field(min_length=1),
    BeforeValidator(
        one_or_many_with_keys,
        json_schema_input_type=ListeningAddress | Listener | list[ListeningAddress | Listener],
    ),
]
Clients = dict[ClientKey, Client]


class Document(Strict):
    """The configuration of the gateway."""

    listen: Listeners | None = optional("Where callers connect: an address, or a list.", "127.0.0.1:8080")
    admin: AdminAddress = optional("Health, metrics, state; off for none.", "127.0.0.1:8079")
    clients: Clients | None = optional("Our registrations at authorization servers, by names of our own.")
    routes: Annotated[list[Route], Field(min_length=1)] = required("What is forwarded where.")
    trusted_proxies: list[TrustedProxy] | None = optional(
        "Proxies in front of us, whose X-Forwarded-* are believed: networks, addresses; unix: whoever comes "
        "over a unix socket."
    )
    limits: LimitRules | None = optional("Bounds on what a caller or an upstream may make us hold.")
    log: Log | None = optional("Where the records go.")
    grace_s: Duration | None = optional(
        "How long running requests may take to end after SIGTERM.", "30s", alias="grace"
    )


def given(model: Strict | None, *names: str) -> dict[str, Any]:
    """Give the attributes (all, or those named) whose keys stand in the file."""
    if model is None:
        return {}
    there = model.model_fields_set
    return {name: getattr(model, name) for name in names or there if name in there}


W = TypeVar("W")


def unique(words: Sequence[W] | None) -> tuple[W, ...]:
    """Give the words without those that stand twice."""
    return tuple(dict.fromkeys(words or ()))
