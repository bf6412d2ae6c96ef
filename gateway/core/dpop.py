"""What both ways know of DPoP: the syntax of a nonce, and of the URL in a proof (RFC 9449).

A server's nonce goes into the next proof unchanged. One that breaks the syntax of section 8.1, or is longer
than `MAX_NONCE_BYTES`, is ignored.
"""

from __future__ import annotations

from typing import Final

USE_DPOP_NONCE: Final = "use_dpop_nonce"
"""The error by which a server asks for a nonce (sections 8 and 9)."""
MAX_NONCE_BYTES: Final = 1024
"""Ten times what servers send; it is sent with every request."""

# NQCHAR of RFC 6749 appendix A: visible ASCII without the quote and the backslash.
_NQCHAR: Final = bytes(byte for byte in range(0x21, 0x7F) if byte not in b'"\\')


def without_query(url: str) -> str:
    """Return a URL without query and fragment, as ``htu`` requires."""
    return url.partition("#")[0].partition("?")[0]


def usable_nonce(value: bytes) -> str:
    """Return a nonce unchanged if it can be used, else an empty string."""
    is_good = len(value) <= MAX_NONCE_BYTES and not value.translate(None, _NQCHAR)
    return value.decode("ascii") if is_good else ""


def nonce_of_text(value: str) -> str:
    """Return the nonce of a ``DPoP-Nonce`` that was read as text, or an empty string."""
    return usable_nonce(value.encode("ascii")) if value.isascii() else ""
