"""What may stand in `gateway.yaml`: every key, its type, its description.

Rules: the names are the registered ones wherever an RFC has one (RFC 7591, 8414, 8707). A key that is left
out is None or False here; its default is the one of `core.settings`, and the one shown is tested against it.
Attributes are named as the fields of `core.settings` where the model is handed over as it is.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.clients.client_model import Client
from gateway.config.process.process_model import LimitRules, Listeners, Log
from gateway.config.routes.route_model import Route
from gateway.config.values.key_types import AdminAddress, ClientKey, Duration, TrustedProxy
from gateway.config.values.strict import Strict, optional, required

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
