"""Request fields that are the gateway's own, by its configuration."""

from __future__ import annotations

from gateway.core.settings.access_settings import credential_fields
from gateway.core.settings.all_settings import Settings


def reserved_fields(settings: Settings) -> frozenset[bytes]:
    """Return the names, in lower case, of fields that no caller may send on to an upstream.

    They carry a caller's credential, or tell an upstream who calls; the latter are believed there, so they
    are taken from every request, on every route, in every spelling that folds to them.
    """
    names = (name.lower().encode() for route in settings.routes for name in route.gate.told_in)
    return credential_fields(settings.callers.values()) | frozenset(names)
