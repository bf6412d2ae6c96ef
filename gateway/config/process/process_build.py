"""Models -> settings of what lives as long as the process: listeners, trust in proxies, the log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.config.problems import Loc, dotted
from gateway.config.process.process_model import IdentityKeyModel, ListenerModel, Log, ProcessSections
from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import constant_reader, template_reader
from gateway.config.tls.tls_build import client_trust
from gateway.config.tree import Keys, Leaf, find
from gateway.config.values.hosts import UnixPeers
from gateway.config.values.strict import given
from gateway.core.settings.all_settings import LogSettings
from gateway.core.settings.client_settings import TlsFiles
from gateway.core.settings.identity_jwt import LIFETIME_S, IdentityKeySettings
from gateway.core.settings.listener_settings import ListenerSettings, SocketAccess
from gateway.core.settings.proxies import TrustedProxies
from gateway.core.text import plain_text

_MODE_OF_A_GROUP: Final = 0o660


def listener_settings(
    listeners: Mapping[int, ListenerModel], root: Keys, folder: Path
) -> tuple[ListenerSettings, ...]:
    """Build the listeners' settings, in the order of the file."""
    places = (address_place(root, ("listen", index)) for index in listeners)
    return tuple(_listener(one, folder, place) for one, place in zip(listeners.values(), places, strict=True))


def _listener(listener: ListenerModel, folder: Path, place: str) -> ListenerSettings:
    mode = _MODE_OF_A_GROUP if listener.mode is None and listener.group is not None else listener.mode
    access, files, trust = SocketAccess(mode, listener.group), None, None
    if listener.tls is not None:
        files = TlsFiles(str(folder / listener.tls.certificate), str(folder / listener.tls.key))
        trust = client_trust(listener.tls, folder)
    return ListenerSettings(listener.address, files, place, access, trust)


def trusted_proxies(parts: ProcessSections) -> TrustedProxies:
    """Build the trusted proxies: each network once, and whether unix sockets are trusted."""
    proxies = parts.trusted_proxies
    networks = (one for one in proxies if not isinstance(one, UnixPeers))
    return TrustedProxies(tuple(dict.fromkeys(networks)), unix=UnixPeers.UNIX in proxies)


def address_place(root: Keys, loc: Loc) -> str:
    """Write where an address is in the file, or that it is the default."""
    if loc[0] not in root.entries:
        return f"{loc[0]} (by default)"
    spot = find(root, loc)
    return f"{spot.node.place.line}:{spot.node.place.column}: {dotted(spot.loc)}"


def identity_key_settings(
    model: IdentityKeyModel | None, root: Keys, sources: ReferenceValues
) -> IdentityKeySettings | None:
    """Build the settings of the key that signs who calls.

    Raises:
        Wrong: its file vanished since it was read.
    """
    if model is None:
        return None
    spot = find(root, ("identity_jwt", "key"))
    place = f"{spot.node.place.line}:{spot.node.place.column}: {dotted(spot.loc)}"
    reader = None
    if model.key is not None:
        assert isinstance(spot.node, Leaf)
        template = spot.node.template
        reader = (
            constant_reader(model.key)
            if template is None
            else template_reader(template, sources, plain_text.lines)
        )
    return IdentityKeySettings(reader, model.lifetime_s or LIFETIME_S, model.publish_ahead_s or 0.0, place)


def log_settings(log: Log | None) -> LogSettings:
    """Build the log's settings."""
    known = given(log)
    if "level" in known:
        known["level"] = known["level"].value
    return LogSettings(**known)
