"""Models -> `Settings`: defaults, full paths, grants, secrets.

Rules: a key that is left out takes the default of `core.settings`; relative files are looked for beside the
configuration; a word given twice counts once.
"""

from __future__ import annotations

from pathlib import Path

from gateway.config.expand import Sources
from gateway.config.model import Client, Document, Listener, Log, given
from gateway.config.reading import Parts
from gateway.config.route_build import RouteBuilder
from gateway.config.secret_reader import constant_reader, template_reader
from gateway.config.tree import Keys, Leaf, find
from gateway.core.settings import (
    AuthMethod,
    ClientName,
    ClientSettings,
    Grant,
    Limits,
    ListenerSettings,
    LogSettings,
    SecretReader,
    Settings,
    TlsFiles,
)


def settings(document: Document, parts: Parts, root: Keys, sources: Sources) -> Settings:
    """Build the settings of a document that is valid as a whole.

    Raises:
        Wrong: a secret's file vanished since it was read.
    """
    clients = {
        ClientName(name): _client(name, client, _secret(root, name, sources), sources.folder)
        for name, client in (document.clients or {}).items()
    }
    grants = {name: client.grant for name, client in clients.items()}
    return Settings(
        listeners=tuple(_listener(one, sources.folder) for one in parts.listeners.values()),
        admin=parts.admin,
        clients=clients,
        routes=RouteBuilder(document.routes, grants, sources.folder).all(),
        trusted_proxies=tuple(dict.fromkeys(document.trusted_proxies or ())),
        limits=Limits(**given(document.limits)),
        log=_log(document.log),
        referenced=frozenset(sources.found),
        **given(document, "grace_s"),
    )


def _listener(listener: Listener, folder: Path) -> ListenerSettings:
    if listener.tls is None:
        return ListenerSettings(listener.address)
    files = TlsFiles(str(folder / listener.tls.certificate), str(folder / listener.tls.key))
    return ListenerSettings(listener.address, files)


def _client(name: str, client: Client, secret: SecretReader, folder: Path) -> ClientSettings:
    ca = client.tls.ca if client.tls is not None else None
    return ClientSettings(
        grant=_grant(name, client),
        client_secret=secret,
        ca_file=None if ca is None else str(folder / ca),
        **given(client, "default_lifetime_s", "timeout_s", "proxy"),
    )


def _grant(name: str, client: Client) -> Grant:
    return Grant(
        client=ClientName(name),
        token_endpoint=client.token_endpoint.url,
        client_id=client.client_id,
        method=client.method or AuthMethod.CLIENT_SECRET_BASIC,
        scope=tuple(dict.fromkeys(client.scope or ())),
        audience=tuple(dict.fromkeys(client.audience or ())),
        resource=tuple(dict.fromkeys(client.resource or ())),
        parameters=tuple((client.parameters or {}).items()),
    )


def _secret(root: Keys, name: str, sources: Sources) -> SecretReader:
    leaf = find(root, ("clients", name, "client_secret")).node
    assert isinstance(leaf, Leaf)
    return (
        constant_reader(str(leaf.value)) if leaf.template is None else template_reader(leaf.template, sources)
    )


def _log(log: Log | None) -> LogSettings:
    known = given(log)
    if "level" in known:
        known["level"] = known["level"].value
    return LogSettings(**known)
