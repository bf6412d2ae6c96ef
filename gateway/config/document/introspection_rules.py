"""What must fit together between a way that asks about tokens and the client by which it asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.callers.callers_model import IntrospectionModel
from gateway.config.clients.client_model import ClientModel
from gateway.config.document.validation import Parts
from gateway.config.problems import Loc, Mistake
from gateway.config.spelling import close_to
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.text.server_url import is_loopback

_NO_PLACE: Final = (
    "nothing says where to ask: the client discovers no endpoint, since it has no `issuer`, or has a "
    "`token_endpoint` beside it; write `endpoint`"
)
_LOGS_IN: Final = "this client logs in without OAuth, and cannot ask about tokens: use one with a client_id"
_IN_THE_OPEN: Final = (
    "tokens and the client's secret would cross the network without TLS: use https://, or write "
    "allow_insecure: true at the client if that is intended"
)


def introspection_findings(parts: Parts) -> Iterator[Mistake]:
    """Yield what keeps a way from asking."""
    for name, way in parts.callers.items():
        loc: Loc = ("callers", name, "introspection")
        if way is not None and way.introspection is not None and ("clients",) not in parts.wrong:
            yield from _findings(loc, way.introspection, parts.clients)


def _findings(
    loc: Loc, asks: IntrospectionModel, clients: Mapping[str, ClientModel | None]
) -> Iterator[Mistake]:
    if asks.client not in clients:
        yield Mistake((*loc, "client"), _unknown(asks.client, clients))
        return
    client = clients[asks.client]
    if client is None:
        return
    if client.login is not None:
        yield Mistake((*loc, "client"), _LOGS_IN)
    elif asks.endpoint is None and (client.issuer is None or client.token_endpoint is not None):
        yield Mistake(loc, _NO_PLACE, is_about_key=True)
    endpoint = asks.endpoint
    is_open = endpoint is not None and endpoint.scheme is Scheme.HTTP and not is_loopback(endpoint.host)
    if is_open and not client.allow_insecure:
        yield Mistake((*loc, "endpoint"), _IN_THE_OPEN)


def _unknown(name: str, clients: Mapping[str, object]) -> str:
    close = close_to(name, clients)
    known = f"expected one of {', '.join(clients)}" if clients else "none is defined: add it under `clients`"
    return f"unknown client{f', did you mean {close}?' if close else f'; {known}'}"
