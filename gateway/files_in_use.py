"""The files that a running gateway depends on, each with the key of `gateway.yaml` that names it."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.oauth.client_trouble import credential_key
from gateway.core.oauth.named_secret import NamedReader, WatchedFile
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientSettings, TlsFiles
from gateway.observe.file_watch import PemFile

Named = tuple[str, WatchedFile]


def watched_files(settings: Settings) -> list[Named]:
    """Return each file once for each key that names it."""
    return [*_of_clients(settings), *_of_servers(settings)]


def _of_clients(settings: Settings) -> Iterator[Named]:
    for name, client in settings.clients.items():
        here = f"clients.{name}"
        for key, reader in _readers(client):
            if isinstance(reader, NamedReader):
                yield from ((f"{here}.{key}", file) for file in reader.files)
        yield from _pem(f"{here}.tls", client.reach.ca_file, client.grant.certificate)
        if client.grant.assertion is not None and client.grant.assertion.certificate is not None:
            yield f"{here}.assertion_certificate", PemFile(client.grant.assertion.certificate)


def _readers(client: ClientSettings) -> Iterator[tuple[str, object]]:
    key, is_list = credential_key(client), len(client.credentials) > 1 and client.grant.login is None
    for number, reader in enumerate(client.credentials):
        yield f"{key}[{number}]" if is_list else key, reader
    yield "dpop_private_key", client.dpop_key
    yield from ((each.key, each.read) for each in client.referenced)


def _of_servers(settings: Settings) -> Iterator[Named]:
    for index, route in enumerate(settings.routes):
        here = f"routes[{index}].tls" if route.group is None else f"upstreams.{route.group.name}.tls"
        yield from _pem(here, route.upstream.ca_file, route.upstream.certificate)
    for index, listener in enumerate(settings.listeners):
        yield from _pem(f"listen[{index}].tls", None, listener.tls)
        if listener.client_trust is not None:
            yield f"listen[{index}].tls.client_ca", PemFile(listener.client_trust.ca_file)


def _pem(here: str, ca_file: str | None, ours: TlsFiles | None) -> Iterator[Named]:
    if ca_file is not None:
        yield f"{here}.ca", PemFile(ca_file)
    if ours is not None:
        yield f"{here}.certificate", PemFile(ours.certificate)
        yield f"{here}.key", PemFile(ours.key)
