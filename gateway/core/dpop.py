"""What both ways know of proofs of possession: the syntax of a nonce, and of the URL in a proof (RFC 9449).

Rule: a server's nonce goes into the next proof as it came; one that breaks the syntax of section 8.1, or is
longer than `MAX_NONCE_BYTES`, is ignored.
"""

from __future__ import annotations

from typing import Final

USE_DPOP_NONCE: Final = "use_dpop_nonce"
"""The error by which a server asks for a nonce (sections 8 and 9)."""
MAX_NONCE_BYTES: Final = 1024
"""Ten times what servers send; it goes out again in every request."""

# NQCHAR of RFC 6749 appendix A: visible ASCII without the quote and the backslash.
_NQCHAR: Final = bytes(byte for byte in range(0x21, 0x7F) if byte not in b'"\\')


def without_query(url: str) -> str:
    """Give a URL as ``htu`` has it: without query and fragment."""
    return url.partition("#")[0].partition("?")[0]


def usable_nonce(value: bytes) -> str:
    """Give a nonce as it came if it can be used, else an empty text."""
    is_good = len(value) <= MAX_NONCE_BYTES and not value.translate(None, _NQCHAR)
    return value.decode("ascii") if is_good else ""


def nonce_of_text(value: str) -> str:
    """Give the nonce of a ``DPoP-Nonce`` that was read as text, else an empty text."""
    return usable_nonce(value.encode("ascii")) if value.isascii() else ""
