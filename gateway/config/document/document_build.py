"""Models -> `Settings`.

Rules: a key that is left out takes the default of `core.settings`; relative files are looked for beside the
configuration; a word that is given twice counts once.
"""

from __future__ import annotations

from gateway.config.callers.callers_build import way_settings
from gateway.config.clients.client_build import client_settings
from gateway.config.clients.send_build import client_carriers
from gateway.config.document.document_model import Document
from gateway.config.document.validation import Parts
from gateway.config.process.process_build import (
    address_place,
    identity_key_settings,
    listener_settings,
    log_settings,
    trusted_proxies,
)
from gateway.config.references.expand import ReferenceValues
from gateway.config.routes.route_build import Named, RouteBuilder, UsedClient
from gateway.config.tree import Keys
from gateway.config.upstreams.upstreams_build import group_settings
from gateway.config.values.strict import given
from gateway.core.settings.all_settings import Limits, Settings
from gateway.core.settings.client_settings import ClientName


def settings(document: Document, parts: Parts, root: Keys, sources: ReferenceValues) -> Settings:
    """Build the settings of a valid document.

    Raises:
        Wrong: a secret's file vanished since it was read.
    """
    clients = {
        ClientName(name): client_settings(name, client, root, sources)
        for name, client in (document.clients or {}).items()
    }
    ways = way_settings(document.callers or {}, root, sources.folder)
    groups = group_settings(document.upstreams or {}, sources.folder)
    used = {
        ClientName(name): UsedClient(clients[ClientName(name)].grant, client_carriers(client))
        for name, client in (document.clients or {}).items()
    }
    named = Named(used, ways, groups, document.identity_jwt)
    return Settings(
        listeners=listener_settings(parts.process.listeners, root, sources.folder),
        admin=parts.process.admin,
        admin_place=address_place(root, ("admin",)),
        callers=ways,
        clients=clients,
        routes=RouteBuilder(document.routes, named, sources.folder).all(),
        trusted_proxies=trusted_proxies(parts.process),
        limits=Limits(**given(document.limits)),
        log=log_settings(document.log),
        identity_jwt=identity_key_settings(document.identity_jwt, root, sources),
        referenced=frozenset(sources.found),
        **given(document, "grace_s", "reload", "workers"),
    )
