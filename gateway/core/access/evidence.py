"""What a request presents: at most one credential in each slot, read once.

Rules:

- The scheme of ``Authorization`` is not case-sensitive (RFC 9110 section 11.1). Another scheme than a slot's
  presents nothing to it.
- A credential that is there twice is refused with 400, whatever its values: two servers could choose
  differently.
- A key is looked for under its own name. Names that fold to it (``X_API_Key``) are no key, and never pass.
  A repeated field is joined with a comma, which no key contains.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Final, assert_never

from gateway.core.errors import MalformedRequest
from gateway.core.http.request_head import RequestHead

_LONGEST_BYTES: Final = 8 * 1024


class Slot(Enum):
    """How a request carries a credential; `API_KEY`: in a field of its own, be it a key or a token."""

    BEARER = "bearer"
    BASIC = "basic"
    API_KEY = "api_key"


PROOF_MARK: Final = b"DPoP\0"
"""No field has such a byte."""
_SCHEMES: Final = {Slot.BEARER: (b"bearer", b"dpop"), Slot.BASIC: (b"basic",)}


def authorization(head: RequestHead, slot: Slot) -> bytes | None:
    """Return the credentials in ``Authorization`` if its scheme is the slot's.

    Raises:
        MalformedRequest: the field is repeated.
    """
    found = _schemed(head)
    return found[1] if found is not None and found[0] in _SCHEMES[slot] else None


def token(head: RequestHead) -> bytes | None:
    """Return the token in ``Authorization``; with the scheme ``DPoP`` it begins with `PROOF_MARK`.

    Raises:
        MalformedRequest: the field is repeated.
    """
    value = head.special.get(b"authorization")
    if value is None:
        return None
    if value[:7] == b"Bearer " and not head.repeats_authorization:
        return value[7:].strip(b" ")  # as nearly everybody writes it
    found = _schemed(head)
    if found is None:
        return None
    scheme, credentials = found
    if scheme == b"bearer":
        return credentials
    return PROOF_MARK + credentials if scheme == b"dpop" else None


def _schemed(head: RequestHead) -> tuple[bytes, bytes] | None:
    """Return the scheme in ``Authorization``, in lower case, and what follows it."""
    value = head.special.get(b"authorization")
    if value is None:
        return None
    if head.repeats_authorization:
        raise MalformedRequest("the request has more than one Authorization")
    scheme, _, credentials = value.partition(b" ")
    return scheme.lower(), credentials.strip(b" ")


def without_scheme(credential: bytes) -> tuple[bytes, bool]:
    """Return a token, and whether it came with the scheme ``DPoP``."""
    return credential.removeprefix(PROOF_MARK), credential.startswith(PROOF_MARK)


def api_key(head: RequestHead, name: bytes) -> bytes | None:
    """Return the value of the field `name`, which is in lower case.

    Raises:
        MalformedRequest: the field is repeated.
    """
    value = head.special.get(name)
    if value is not None and b"," in value:
        raise MalformedRequest(f"the request has more than one {name.decode('ascii')}")
    return value


def reader_of(slot: Slot, name: bytes) -> Callable[[RequestHead], bytes | None]:
    """Return what reads the credential of a slot; `name` is that of its field, in lower case."""
    match slot:
        case Slot.BEARER:
            return token
        case Slot.API_KEY:
            return partial(api_key, name=name)
        case Slot.BASIC:
            return partial(authorization, slot=slot)
        case _:
            assert_never(slot)


def is_too_long(credential: bytes) -> bool:
    """Whether a credential is longer than any that is looked at."""
    return len(credential) > _LONGEST_BYTES
