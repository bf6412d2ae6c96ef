r"""Repair the text of a private key that an environment variable has mangled: text in, PEM, JWK or DER out.

Rules:

- Line breaks that became ``\n`` (or ``\\n``), spaces, CR LF or nothing are restored, also within quotes,
  which ``docker run --env-file`` keeps. Of several PEM blocks the private key counts.
- Base64 of any of these is decoded, with or without line breaks, padding and the URL alphabet.
- Anything else is returned unchanged: whoever reads the key says what is wrong.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final

PEM_BEGIN: Final = "-----BEGIN "
_MOST_LAYERS: Final = 2
_COLUMNS: Final = 64
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_BREAK: Final = re.compile(r"(?:\\+r)?\\+n|\\+r|\r\n?")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DER_SEQUENCE: Final = b"\x30"


def repaired_key(text: str) -> str | bytes:
    """Return the key as the text of a PEM or a JWK, or as the bytes of its DER."""
    for _ in range(_MOST_LAYERS):
        text = text.strip().strip("\"'").strip()
        if text.startswith("{") or PEM_BEGIN in text:
            break
        unpacked = _from_base64(_BREAK.sub("", text))
        if unpacked is None:
            return text
        if unpacked.startswith(_DER_SEQUENCE):
            return unpacked
        try:
            text = unpacked.decode("utf-8-sig")
        except UnicodeDecodeError:
            return text
    return text if text.startswith("{") else _with_line_breaks(text)


def _from_base64(text: str) -> bytes | None:
    compact = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    if not _BASE64.fullmatch(compact):
        return None
    try:
        return b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except ValueError:
        return None


def _with_line_breaks(text: str) -> str:
    text = _BREAK.sub("\n", text)
    block = _BLOCK.search(text)
    if block is None:
        return text
    label, body = block[1], block[2]
    if ":" not in body:  # otherwise these are the header fields of an encrypted key (RFC 1421 section 4.4)
        compact = "".join(body.split())
        body = "\n".join(compact[start : start + _COLUMNS] for start in range(0, len(compact), _COLUMNS))
    return f"-----BEGIN {label}-----\n{body.strip()}\n-----END {label}-----\n"
