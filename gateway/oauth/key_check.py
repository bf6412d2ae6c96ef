"""Check that the configured keys can be used now, for `gateway check` and before the start."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.oauth.client_assertion import Occasion
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.settings.identity_jwt import IdentityKeySettings
from gateway.oauth.client_authentication import signed_assertion
from gateway.oauth.dpop_key import read_dpop_key
from gateway.oauth.identity_key import read_identity_key
from gateway.oauth.signing_key import CredentialUnusable


def check_keys(settings: Settings, wall_now_s: float) -> tuple[str, ...]:
    """Return one line for each key that could not sign now: its place, and why."""
    clients = settings.clients.values()
    return tuple(line for client in clients for line in _complaints(client, wall_now_s))


def check_identity_key(settings: IdentityKeySettings) -> Iterator[str]:
    """Yield a line if the key that signs who calls could not sign now: its place, and why."""
    try:
        if settings.key is not None:
            read_identity_key(settings.key())
    except CredentialUnusable as unusable:
        yield f"{settings.place}: {unusable}"


def _complaints(client: ClientSettings, wall_now_s: float) -> Iterator[str]:
    signing = client.credentials if client.grant.assertion is not None else ()
    try:
        for credential in signing:
            signed_assertion(client.grant, credential(), Occasion("", wall_now_s, "check"))
    except CredentialUnusable as unusable:
        yield f"{client.place}: {unusable}"
    except (OSError, ValueError):
        yield f"{client.place}: the credential cannot be read"
    try:
        if client.grant.dpop is not None and client.dpop_key is not None:
            read_dpop_key(client.dpop_key(), client.grant.dpop, lambda: wall_now_s, lambda: "check")
    except CredentialUnusable as unusable:
        yield f"{client.dpop_place}: {unusable}"
    except (OSError, ValueError):
        yield f"{client.dpop_place}: the key cannot be read"
