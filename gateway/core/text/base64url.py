"""Base64url without padding, as JOSE uses it (RFC 7515 section 2)."""

from __future__ import annotations

from base64 import urlsafe_b64encode


def base64url(content: bytes) -> bytes:
    """Encode `content` as ASCII bytes."""
    return urlsafe_b64encode(content).rstrip(b"=")
