"""Where an issuer publishes the keys of its tokens (RFC 8414 section 2)."""

from __future__ import annotations

from gateway.core.text.json_object import JsonObject
from gateway.core.text.server_url import may_be_asked


def jwks_uri_in(metadata: JsonObject, issuer: str, *, allows_insecure: bool) -> str | None:
    """Return the ``jwks_uri`` of an issuer's metadata, or None if it names none that may be asked.

    The metadata must name the issuer, character for character (RFC 8414 section 3.3).
    """
    uri = metadata.get("jwks_uri")
    is_ours = metadata.get("issuer") == issuer
    if not is_ours or not isinstance(uri, str):
        return None
    return uri if may_be_asked(uri, issuer, allows_insecure=allows_insecure) else None
