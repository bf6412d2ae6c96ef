"""Base64 with the alphabet of URLs and without padding, as JOSE has it (RFC 7515 section 2)."""

from __future__ import annotations

from base64 import urlsafe_b64encode


def base64url(content: bytes) -> bytes:
    """Give `content` encoded, as ASCII bytes."""
    return urlsafe_b64encode(content).rstrip(b"=")
