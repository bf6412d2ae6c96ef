"""The keys of `upstreams`, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from gateway.config.tls.tls_model import UpstreamTls
from gateway.config.values.filled import unquoted
from gateway.config.values.key_types import Duration, Flag, InFlight, NoProxy, Proxy
from gateway.config.values.strict import Strict, flag, optional, required
from gateway.config.values.upstream_types import (
    AddressUrl,
    BalanceRule,
    CheckPath,
    CheckTime,
    ExpectedStatus,
    Failures,
    QueueLength,
    ResolveTime,
    ServiceName,
    Share,
    Tries,
    Weight,
)


def _with_keys(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class AddressModel(Strict):
    """One address of a group."""

    url: AddressUrl = required("http://host[:port][/path], https://host[:port][/path] or unix:/path.")
    weight: Weight | None = optional("Its share of the requests, compared with those of the others.", 1)
    backup: Flag = flag("Use it only while no other address serves.")


AddressEntry = Annotated[
    AddressModel, BeforeValidator(_with_keys, json_schema_input_type=AddressUrl | AddressModel)
]


class EjectModel(Strict):
    """When an address that fails gets no requests for a while."""

    after: Failures | None = optional("Failures in a row.", 5)
    for_s: Duration | None = optional(
        "How long, the first time; twice as long each time in a row, up to 5m.", "10s", alias="for"
    )
    at_most: Share | None = optional(
        "The share of the addresses that may be out together, rounded down; one of two at least, never the "
        "last one.",
        "50%",
    )


class RetryModel(Strict):
    """How often a request is tried again on another address."""

    tries: Tries | None = optional("For one request.", 1)
    budget: Share | None = optional("Retries, as a share of the requests that run; 3 at least.", "20%")


def _false_or_keys(value: object) -> object:
    word = unquoted(value)
    return {True: {}, False: None}[word] if isinstance(word, bool) else value


EjectRule = Annotated[
    EjectModel | None, BeforeValidator(_false_or_keys, json_schema_input_type=Flag | EjectModel)
]
RetryRule = Annotated[
    RetryModel | None, BeforeValidator(_false_or_keys, json_schema_input_type=Flag | RetryModel)
]


class QueueModel(Strict):
    """Requests that wait while the group serves as many as it may."""

    length: QueueLength | None = optional("How many may wait; 0: none.", 1000)
    timeout_s: Duration | None = optional("How long each.", "5s", alias="timeout")


class CheckModel(Strict):
    """Requests of the gateway's own that say whether an address is alive."""

    path: CheckPath = required("What is asked for by GET; the path of the addresses is not prepended.")
    every_s: CheckTime | None = optional(
        "How often, from 100ms to 1h; up to a tenth more or less by chance.", "10s", alias="every"
    )
    timeout_s: CheckTime | None = optional("For each, its connection included.", "2s", alias="timeout")
    fall: Failures | None = optional("Failed ones in a row that take an address out.", 3)
    rise: Failures | None = optional("Successful ones in a row that take it back.", 2)
    expect: Annotated[list[ExpectedStatus], Field(min_length=1)] | None = optional(
        "Statuses of an address that is alive, as in [2xx, 401]; any below 500 by default."
    )


class GroupModel(Strict):
    """Several addresses that serve the same, shared by the routes that name the group."""

    addresses: Annotated[list[AddressEntry], Field(min_length=1)] = required(
        "Where requests can go: URLs, or mappings with `url`, `weight`, `backup`. All have one scheme and "
        "one path. A host that has several addresses counts as each of them."
    )
    name: ServiceName | None = optional(
        "host[:port] of the service that all of them are: what Host says, and the host in their "
        "certificates. By default each has the name in its own URL."
    )
    resolve_s: ResolveTime | None = optional(
        "How often the host names in `addresses` are looked up while requests come, from 1s to 1h.",
        "10s",
        alias="resolve",
    )
    balance: BalanceRule | None = optional(
        "How an address is chosen: warm (the fewest requests, then one with an idle connection), "
        "round_robin, or {hash: {header: X-User}}.",
        "warm",
    )
    eject: EjectRule | None = optional(
        "When an address that fails gets no requests for a while; false: never."
    )
    check: CheckModel | None = optional("How to ask each address whether it is alive; never by default.")
    retry: RetryRule | None = optional("How often a request is tried again elsewhere; false: never.")
    max_requests: InFlight | None = optional("How many requests are served at the same time; any by default.")
    queue: QueueModel | None = optional("For requests that come while max_requests are served.")
    proxy: Proxy | None = Field(
        default=None,
        repr=False,
        description="The forward proxy to the addresses: http://host:port.",
    )
    no_proxy: Annotated[list[NoProxy], Field(min_length=1)] | None = optional(
        "Hosts, addresses and networks that are connected to directly."
    )
    tls: UpstreamTls | None = optional("How https:// addresses are verified, and our certificate for them.")
