"""What must fit together in `send`.

Rules:

- No two items name the same place, in whatever spelling.
- A token that is bound to a key goes into ``Authorization: DPoP``, and nowhere else (RFC 9449 section 7.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.client_parts import parts_of
from gateway.config.clients.send_model import SendModel
from gateway.config.problems import Loc, Mistake
from gateway.config.spelling import close_to
from gateway.core.http.lookalikes import name_key

_NO_HEADER: Final = "has no effect without `header`: remove it"
_TWICE: Final = "the same place as {} above: exactly one credential of a name goes out"
_BOUND: Final = (
    "tokens that are bound to a key go out as Authorization: DPoP (RFC 9449 section 7.1): remove `send`, or "
    "dpop_bound_access_tokens at the client"
)


def send_findings(loc: Loc, send: Sequence[SendModel], *, is_bound: bool) -> Iterator[Mistake]:
    """Yield what does not fit together; `is_bound`: the client's tokens are bound to a key."""
    if is_bound and send:
        yield Mistake(loc, _BOUND, is_about_key=True)
    seen: dict[tuple[str, bytes], str] = {}
    for index, item in enumerate(send):
        here = (*loc, index)
        if item.prefix is not None and item.header is None:
            yield Mistake((*here, "prefix"), _NO_HEADER, is_about_key=True)
        key, name = item.place()
        place = key, name_key(name)
        if place in seen:
            yield Mistake((*here, key), _TWICE.format(seen[place]))
        seen.setdefault(place, name)


def unknown_parts(loc: Loc, send: Sequence[SendModel], client: ClientModel) -> Iterator[Mistake]:
    """Yield the parts of `send` that the client's credential does not have."""
    for index, item in enumerate(send):
        if item.part is not None and (words := unknown_part(item.part, client)):
            yield Mistake((*loc, index, "part"), words)


def unknown_part(part: str, client: ClientModel) -> str:
    """Say that the client's credential does not have a part; an empty text if it has."""
    known = list(parts_of(client))
    if part in known:
        return ""
    close = close_to(part, known)
    hint = f", did you mean {close}?" if close else f"; expected one of {', '.join(known)}"
    taker = "no step of the login" if client.login is not None else "nothing in answer.take"
    return f"{taker} takes this part{hint}"
