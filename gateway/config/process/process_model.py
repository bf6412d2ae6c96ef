"""The keys of `listen`, `limits`, `log` and `identity_jwt`, by the rules of `document_model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from gateway.config.tls.tls_model import ListenerTls
from gateway.config.values.hosts import UnixPeers
from gateway.config.values.key_types import (
    AccessLog,
    Duration,
    HeadSize,
    IdentityLifetime,
    ListeningAddress,
    LogFormatWord,
    LogLevelWord,
    PrivateKey,
    PublishedAhead,
    Size,
    SocketMode,
    Text,
    one_or_many_with_keys,
    whole_number,
)
from gateway.config.values.strict import Strict, optional, required
from gateway.core.settings.listener_settings import Address
from gateway.core.settings.proxies import Network

_FieldCount = Annotated[int, *whole_number(1, 10_000)]
_ConnectionCount = Annotated[int, *whole_number(1, 1_000_000)]


class ListenerModel(Strict):
    """A listening socket. A text alone is its address."""

    address: ListeningAddress = required("`host:port` (port 0: any free port) or `unix:/path`.")
    mode: SocketMode | None = optional(
        'Permissions of a unix socket, as octal digits in quotes: "0660". By default what the umask leaves, '
        "or 0660 with a `group`."
    )
    group: Text | None = optional("The group of a unix socket, by name or number.")
    tls: ListenerTls | None = optional("Serve HTTPS on this listener.")

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"address": value}


class LimitRules(Strict):
    """Limits on what callers and upstreams can make the gateway hold."""

    target_bytes: HeadSize | None = optional("The longest request target.", "8KiB", alias="target")
    header_bytes: HeadSize | None = optional("The largest header: all fields together.", "64KiB")
    headers: _FieldCount | None = optional("The most fields in a header.", 128)
    head_timeout_s: Duration | None = optional(
        "How long the head of a request may take to arrive.", "10s", alias="head_timeout"
    )
    keepalive_timeout_s: Duration | None = optional(
        "How long an idle connection of a caller is kept.", "75s", alias="keepalive_timeout"
    )
    replay_bytes: Size | None = optional("The longest body that can be replayed.", "64KiB", alias="replay")
    replay_total_bytes: Size | None = optional(
        "The memory for replays, for all requests together.", "64MiB", alias="replay_total"
    )
    tunnels: _ConnectionCount | None = optional(
        "The most tunnels of WebSocket, for all routes together.", 1_000
    )
    tunnels_per_caller: _ConnectionCount | None = optional(
        "The most tunnels of one caller, or of one network where callers are not known.", 100
    )
    connections: _ConnectionCount | None = optional(
        "The most connections of callers, for all listeners together.", 10_000
    )
    buffers_bytes: Size | None = optional(
        "The memory for buffers, for all connections together, without replays.", "256MiB", alias="buffers"
    )


class Log(Strict):
    """What is logged, and where."""

    level: LogLevelWord | None = optional("The lowest level that is logged.", "info")
    format: LogFormatWord | None = optional("auto: text on a terminal, JSON elsewhere.", "auto")
    access: AccessLog = optional(
        "Where access records go: stdout, stderr, off or the path of a file.", "stdout"
    )


class IdentityKeyModel(Strict):
    """Who signs the JWTs that tell upstreams who calls."""

    issuer: Text = required("Their `iss`: a name for this gateway, usually a URL.")
    key: PrivateKey | None = Field(
        default=None,
        repr=False,
        description="The key that signs, EC on P-256, as PEM or JWK; by default generated in memory.",
    )
    lifetime_s: IdentityLifetime | None = optional(
        "How long one may be used, from 30s to 1h.", "5m", alias="lifetime"
    )
    publish_ahead_s: PublishedAhead | None = optional(
        "How long a new key is published before it signs; by default it signs at once.", alias="publish_ahead"
    )


Listeners = Annotated[
    list[ListenerModel],
    Field(min_length=1),
    BeforeValidator(
        one_or_many_with_keys,
        json_schema_input_type=ListeningAddress | ListenerModel | list[ListeningAddress | ListenerModel],
    ),
]

DEFAULT_LISTENERS: Final = (ListenerModel.model_validate("127.0.0.1:8080"),)
DEFAULT_ADMIN: Final = Address("127.0.0.1", 8079)


@dataclass(frozen=True, slots=True)
class ProcessSections:
    """What is valid in these sections.

    Attributes:
        listeners: by their index in the list.
        trusted_proxies: empty if the document as a whole is invalid.
        signer: who signs `identity_jwt`.
    """

    listeners: Mapping[int, ListenerModel]
    admin: Address | None
    limits: LimitRules | None
    trusted_proxies: tuple[Network | UnixPeers, ...] = ()
    signer: IdentityKeyModel | None = None
