"""A configuration to run with: read, judged, and what it names checked.

Decides what prevents a start or a reload, and what is only a warning: what a client lacks costs its own
tokens alone, and can be repaired while the others work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.config import ConfigUnreadable, check_files, load_all
from gateway.config.references.secret_warnings import sounds_secret
from gateway.config_text import contents_now, own_contents
from gateway.core.config_place import ConfigPlace
from gateway.core.config_state import Reading
from gateway.core.oauth.named_secret import NamedReader
from gateway.core.settings.all_settings import ReloadTrigger, Settings
from gateway.core.settings.client_settings import ClientSettings, SecretReader
from gateway.system.mounts import mount_warnings


def reading(config: ConfigPlace, environ: Mapping[str, str]) -> Reading:
    """Read a configuration to run with, and check what it names; nothing here exits.

    What a client lacks is a warning: it costs only its own tokens, and can be repaired while the others work.
    """
    nothing = Reading(None, file=str(config), contents=own_contents(config, ""))
    try:
        loaded = load_all(config, environ)
    except ConfigUnreadable as error:
        return replace(nothing, problems=(f"gateway: {error}",), status=1)
    nothing = replace(nothing, contents=loaded.contents)
    if loaded.settings is None:
        return replace(nothing, problems=tuple(map(str, loaded.problems)), status=2)
    files = check_files(str(config), loaded.files)
    if files.of_servers:  # watch these too: one that is put right is a reason to read all of it again
        named = contents_now(config, (each.path for each in loaded.files if each.is_read))
        nothing = replace(nothing, contents={**named, **loaded.contents})
        return replace(nothing, problems=tuple(map(str, files.of_servers)), status=1)
    settings = loaded.settings
    if unusable := identity_key_problems(config, settings):
        return replace(nothing, problems=unusable, status=1)
    found = (*map(str, (*files.of_clients, *files.warnings)), *key_problems(config, settings))
    if settings.reload is ReloadTrigger.WATCH:
        found = (*found, *mount_warnings(loaded.contents))
    digest = "" if has_plain_secrets(settings) else loaded.sha256
    return replace(nothing, settings=settings, warnings=(*settings.warnings, *found), sha256=digest)


def has_plain_secrets(settings: Settings) -> bool:
    """Whether the file itself holds a secret, so that a digest of it would let people guess."""
    clients = settings.clients.values()
    readers = [reader for client in clients for reader in _readers(client)]
    if settings.identity_jwt is not None:
        readers.append(settings.identity_jwt.key)
    plain = [each for each in readers if isinstance(each, NamedReader) and each.is_in_place]
    return any(bool(each()) for each in plain) or any(map(_has_plain_values, clients))


def _readers(client: ClientSettings) -> Iterator[SecretReader | None]:
    yield from client.credentials
    yield client.dpop_key
    yield from (each.read for each in client.referenced)


def _has_plain_values(client: ClientSettings) -> bool:
    """Whether a value whose name suggests a secret, the password of a user for one, is no reference."""
    referenced = {(each.name, each.loaded) for each in client.referenced}
    grant = client.grant
    values = (*grant.parameters, *grant.headers, *grant.request.query)
    return any(sounds_secret(name) and (name, value) not in referenced for name, value in values)


def identity_key_problems(config: ConfigPlace, settings: Settings) -> tuple[str, ...]:
    """Return what is wrong with the key that signs who calls, as a line; nothing if it can sign."""
    signer = settings.identity_jwt
    if signer is None or signer.key is None:
        return ()
    from gateway.oauth.key_check import check_identity_key  # noqa: PLC0415 - it loads cryptography

    return tuple(f"{config}:{line}" for line in check_identity_key(signer))


def key_problems(config: ConfigPlace, settings: Settings) -> tuple[str, ...]:
    """Return what is wrong with the clients' keys, a line each."""
    clients = settings.clients.values()
    if not any(client.grant.assertion or client.dpop_key for client in clients):
        return ()
    from gateway.oauth.key_check import check_keys  # noqa: PLC0415 - it loads cryptography

    return tuple(f"{config}:{line}" for line in check_keys(settings, time.time()))
