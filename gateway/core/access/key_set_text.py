"""What is wrong with the text of a JSON Web Key Set, told without cryptography (RFC 7517)."""

from __future__ import annotations

from typing import Final

from gateway.core.text.json_object import read_json_object

MOST_BYTES: Final = 512 * 1024
_TYPES: Final = frozenset({"RSA", "EC", "OKP"})


def flaw_in_key_set(text: str) -> str | None:
    """Return why no token can be verified by it; None if one may be."""
    content = text.encode()
    if len(content) > MOST_BYTES:
        return f"is larger than {MOST_BYTES // 1024} KiB"
    document = read_json_object(content)
    if document is None:
        return "is not a JSON object: expected a JSON Web Key Set"
    keys = document.get("keys")
    if not isinstance(keys, list):
        words = "it is a single key: write it into the list of" if "kty" in document else "expected"
        return f'is no JSON Web Key Set: {words} {{"keys": [...]}}'
    if any(isinstance(key, dict) and ("d" in key or "k" in key) for key in keys):
        return "holds a private or symmetric key: write the public keys alone"
    if not any(isinstance(key, dict) and key.get("kty") in _TYPES for key in keys):
        return "holds no public key of type RSA, EC or OKP"
    return None
