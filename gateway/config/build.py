"""Models -> `Settings`: defaults, full paths, grants, secrets.

Rules: a key that is left out takes the default of `core.settings`; relative files are looked for beside the
configuration; a word given twice counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.config.client_build import client_settings
from gateway.config.expand import ReferenceValues
from gateway.config.hosts import UnixPeers
from gateway.config.model import Document, Listener, Log, given
from gateway.config.problems import Loc, dotted
from gateway.config.route_build import RouteBuilder
from gateway.config.tree import Keys, find
from gateway.config.validation import Parts
from gateway.core.client_settings import ClientName, TlsFiles
from gateway.core.proxies import Network, TrustedProxies
from gateway.core.settings import Limits, ListenerSettings, LogSettings, Settings, SocketAccess

_MODE_OF_A_GROUP: Final = 0o660


def settings(document: Document, parts: Parts, root: Keys, sources: ReferenceValues) -> Settings:
    """Build the settings of a document that is valid as a whole.

    Raises:
        Wrong: a secret's file vanished since it was read.
    """
    clients = {
        ClientName(name): client_settings(name, client, root, sources)
        for name, client in (document.clients or {}).items()
    }
    grants = {name: client.grant for name, client in clients.items()}
    return Settings(
        listeners=tuple(
            _listener(one, sources.folder, _place(root, ("listen", index)))
            for index, one in parts.listeners.items()
        ),
        admin=parts.admin,
        admin_place=_place(root, ("admin",)),
        clients=clients,
        routes=RouteBuilder(document.routes, grants, sources.folder).all(),
        trusted_proxies=_trusted(document.trusted_proxies or ()),
        limits=Limits(**given(document.limits)),
        log=_log(document.log),
        referenced=frozenset(sources.found),
        **given(document, "grace_s"),
    )


def _listener(listener: Listener, folder: Path, place: str) -> ListenerSettings:
    mode = _MODE_OF_A_GROUP if listener.mode is None and listener.group is not None else listener.mode
    access, files = SocketAccess(mode, listener.group), None
    if listener.tls is not None:
        files = TlsFiles(str(folder / listener.tls.certificate), str(folder / listener.tls.key))
    return ListenerSettings(listener.address, files, place, access)


def _trusted(proxies: Sequence[Network | UnixPeers]) -> TrustedProxies:
    networks = (one for one in proxies if not isinstance(one, UnixPeers))
    return TrustedProxies(tuple(dict.fromkeys(networks)), unix=UnixPeers.UNIX in proxies)


def _place(root: Keys, loc: Loc) -> str:
    """Write where an address stands, or that it is the default."""
    if loc[0] not in root.entries:
        return f"{loc[0]} (by default)"
    spot = find(root, loc)
    return f"{spot.node.place.line}:{spot.node.place.column}: {dotted(spot.loc)}"


def _log(log: Log | None) -> LogSettings:
    known = given(log)
    if "level" in known:
        known["level"] = known["level"].value
    return LogSettings(**known)
