"""The model of `gateway.yaml`: every key, its type, its description.

Rules:

- Keys have their registered names wherever an RFC defines one (RFC 7591, 8414, 8707).
- A key that is left out is None or False here. Its default is that of `core.settings`; tests compare the one
  that is shown.
- Attributes have the names of the fields in `core.settings` if the model is handed over as it is.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.callers.callers_model import WayModel
from gateway.config.clients.client_model import ClientModel
from gateway.config.process.process_model import IdentityKeyModel, LimitRules, Listeners, Log
from gateway.config.routes.route_model import RouteModel
from gateway.config.upstreams.upstreams_model import GroupModel
from gateway.config.values.key_types import (
    AdminAddress,
    ClientKey,
    Duration,
    ReloadWord,
    TrustedProxy,
    WayKey,
    Workers,
)
from gateway.config.values.strict import Strict, optional, required
from gateway.config.values.upstream_types import GroupKey

Clients = dict[ClientKey, ClientModel]


class Document(Strict):
    """The configuration of the gateway."""

    listen: Listeners | None = optional("Where callers connect: an address, or a list.", "127.0.0.1:8080")
    admin: AdminAddress = optional(
        "The address for health, metrics and state; off for none.", "127.0.0.1:8079"
    )
    callers: dict[WayKey, WayModel] | None = optional(
        "Ways to know a caller, each under a name of your choice; `access` of a route names them."
    )
    clients: Clients | None = optional(
        "Our registrations at authorization servers, each under a name of your choice."
    )
    upstreams: dict[GroupKey, GroupModel] | None = optional(
        "Groups of addresses that serve the same, each under a name of your choice; `upstream` of a route "
        "names it."
    )
    routes: Annotated[list[RouteModel], Field(min_length=1)] = required(
        "Which requests go to which upstream."
    )
    identity_jwt: IdentityKeyModel | None = optional(
        "Who signs the JWTs that tell upstreams who calls, on routes with `identity_jwt`."
    )
    trusted_proxies: list[TrustedProxy] | None = optional(
        "Proxies in front of the gateway, whose X-Forwarded-* are trusted: networks, addresses, or unix for "
        "every caller on a unix socket."
    )
    limits: LimitRules | None = optional("Limits on what callers and upstreams can make the gateway hold.")
    log: Log | None = optional("What is logged, and where.")
    grace_s: Duration | None = optional(
        "How long requests may take to finish after SIGTERM.", "30s", alias="grace"
    )
    workers: Workers | None = optional(
        "How many processes serve callers; auto: as many as there is processor time for.", 1
    )
    reload: ReloadWord | None = optional(
        "When the configuration is read anew: at SIGHUP (signal), or when a file changes too (watch).",
        "signal",
    )
