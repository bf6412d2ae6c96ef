"""Models -> where a credential goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.client_parts import parts_of
from gateway.config.clients.send_model import SendModel
from gateway.core.http.fields import folded
from gateway.core.settings.carriers import MAIN_PART, USUAL, Carrier, InCookie, InHeader, InQuery
from gateway.core.settings.whereabouts import FromCookie

_BEARER: Final = "Bearer "


def carriers(send: Sequence[SendModel] | None) -> tuple[Carrier, ...]:
    """Build them, in the order of the file."""
    return USUAL if send is None else tuple(map(_carrier, send))


def client_carriers(client: ClientModel) -> tuple[Carrier, ...]:
    """Return where the credential of a client goes, unless a route says otherwise.

    What is taken of a cookie goes back as that cookie; a token that is none, where tokens go.
    """
    if client.send is not None:
        return carriers(client.send)
    cookies = {
        pick.name: InCookie(pick.name, part)
        for part, pick in parts_of(client).items()
        if isinstance(pick, FromCookie)
    }
    has_token = any(each.part == MAIN_PART for each in cookies.values())
    return (*(() if has_token else USUAL), *cookies.values())


def sends_authorization(carried: Sequence[Carrier]) -> bool:
    """Whether a part of the credential goes into ``Authorization``."""
    return any(isinstance(each, InHeader) and _is_authorization(each.name) for each in carried)


def _carrier(item: SendModel) -> Carrier:
    part = item.part or MAIN_PART
    if item.query is not None:
        return InQuery(item.query, part)
    if item.cookie is not None:
        return InCookie(item.cookie, part)
    return _field(item.header or "", item.prefix, part)


def _field(name: str, prefix: str | None, part: str) -> InHeader:
    if not _is_authorization(name):
        return InHeader(name, prefix or "", part)
    if part != MAIN_PART:
        return InHeader(name, _BEARER if prefix is None else prefix, part)
    return InHeader("Authorization", None) if prefix in {None, _BEARER} else InHeader(name, prefix)


def _is_authorization(name: str) -> bool:
    return folded(name.encode()) == b"authorization"
