"""Tree -> models: the whole document if it is valid, otherwise the parts that are.

Rules: no mistake hides another. If the document is invalid, each client and route is validated by itself,
then without its invalid keys, and `document_rules` checks what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from gateway.config.callers.callers_model import WayModel
from gateway.config.clients.client_model import ClientModel
from gateway.config.document.document_model import Document
from gateway.config.document.validation_words import in_plain_words
from gateway.config.problems import Loc, Mistake, Wrong
from gateway.config.process.process_model import (
    DEFAULT_ADMIN,
    DEFAULT_LISTENERS,
    IdentityKeyModel,
    LimitRules,
    ListenerModel,
    ProcessSections,
)
from gateway.config.routes.route_model import RouteModel
from gateway.config.tree import Keys, plain
from gateway.config.upstreams.upstreams_model import GroupModel
from gateway.config.values.hosts import admin_address
from gateway.config.values.key_types import one_or_many_with_keys
from gateway.config.values.strict import Strict
from gateway.core.settings.listener_settings import Address

M = TypeVar("M", bound=Strict)

_STAND_INS: Final[dict[type[Strict], dict[str, str | list[str]]]] = {
    RouteModel: {"path": "/", "upstream": "https://stand.in"},
    GroupModel: {"addresses": ["https://stand.in"]},
    IdentityKeyModel: {"issuer": "https://stand.in"},
}
"""Values for required keys that are missing or invalid; no rule objects to them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is valid.

    Attributes:
        callers: by name; None for one that is present but invalid.
        clients: the same.
        groups: the same, of upstream addresses.
        routes: by their index in the list.
        wrong: keys of clients and routes that were left out, since they are invalid.
        document: None if anything is invalid.
    """

    process: ProcessSections
    callers: Mapping[str, WayModel | None]
    clients: Mapping[str, ClientModel | None]
    groups: Mapping[str, GroupModel | None]
    routes: Mapping[int, RouteModel]
    wrong: frozenset[Loc] = frozenset()
    document: Document | None = None


def read(root: Keys) -> tuple[Parts, list[Mistake]]:
    """Validate the tree; return what is valid, and what is wrong with the rest."""
    data = plain(root)
    assert isinstance(data, dict)
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        wrong = frozenset(one["loc"][:3] for one in errors)
        return _leftovers(data, wrong), in_plain_words(errors, root)
    return _parts(document), []


def _parts(document: Document) -> Parts:
    process = ProcessSections(
        listeners=dict(enumerate(document.listen or DEFAULT_LISTENERS)),
        admin=document.admin if "admin" in document.model_fields_set else DEFAULT_ADMIN,
        limits=document.limits,
        trusted_proxies=tuple(document.trusted_proxies or ()),
        signer=document.identity_jwt,
    )
    routes = dict(enumerate(document.routes))
    groups = document.upstreams or {}
    return Parts(process, document.callers or {}, document.clients or {}, groups, routes, document=document)


def _leftovers(data: Mapping[str, object], wrong: frozenset[Loc]) -> Parts:
    callers, clients, routes = data.get("callers"), data.get("clients"), data.get("routes")
    groups = data.get("upstreams")
    each_group = groups.items() if isinstance(groups, dict) else ()
    each_way = callers.items() if isinstance(callers, dict) else ()
    each_client = clients.items() if isinstance(clients, dict) else ()
    each_route = enumerate(routes if isinstance(routes, list) else ())
    valid_routes = ((index, _valid(RouteModel, route)) for index, route in each_route)
    return Parts(
        ProcessSections(
            _listeners(data),
            _admin(data),
            _valid(LimitRules, data.get("limits")),
            signer=_valid(IdentityKeyModel, data.get("identity_jwt")),
        ),
        callers={name: _valid(WayModel, way) for name, way in each_way},
        clients={name: _valid(ClientModel, client) for name, client in each_client},
        groups={name: _valid(GroupModel, group) for name, group in each_group},
        routes={index: route for index, route in valid_routes if route is not None},
        wrong=wrong,
    )


def _listeners(data: Mapping[str, object]) -> dict[int, ListenerModel]:
    if "listen" not in data:
        return dict(enumerate(DEFAULT_LISTENERS))
    listen = one_or_many_with_keys(data["listen"])
    each = (_valid(ListenerModel, one) for one in (listen if isinstance(listen, list) else ()))
    return {index: listener for index, listener in enumerate(each) if listener is not None}


def _admin(data: Mapping[str, object]) -> Address | None:
    try:
        return admin_address(data["admin"]) if "admin" in data else DEFAULT_ADMIN
    except Wrong:
        return None


def _valid(model: type[M], value: object) -> M | None:
    """Validate one part; if that fails, validate it again without what is wrong in it."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        locs = dict.fromkeys(one["loc"] for one in error.errors(include_url=False, include_input=False))
    if not isinstance(value, dict):
        return None
    rest = value
    for loc in reversed(locs):  # the last first: removing an item of a list moves those after it
        after = _without(rest, loc)
        rest = rest if after is None else after
    rest = {**_STAND_INS.get(model, {}), **rest}
    return None if rest == value else _valid(model, rest)


def _without(value: Any, loc: Loc) -> Any:
    """Remove what `loc` leads to, or the last thing on the way there; None if nothing is there."""
    if not loc or not _holds(value, loc[0]):
        return None
    below = _without(value[loc[0]], loc[1:])
    copy = value.copy()
    copy[loc[0]] = below
    if below is None:
        del copy[loc[0]]
    return copy


def _holds(value: object, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)
