"""What must fit together in the shapes of token requests and answers.

Rules:

- A field is renamed or omitted only if it is sent: id and secret are in the body with some methods alone.
- No two fields have the same name, or the server would take one of them.
- What goes into a URL is logged by servers and proxies, so a secret there is warned of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.clients.client_method import client_method, is_jwt_bearer
from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.shape_model import TokenRequestModel
from gateway.config.problems import Loc, Mistake, Severity
from gateway.config.references.secret_warnings import sounds_secret
from gateway.config.tree import Keys, Leaf, find
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.client_settings import AuthMethod
from gateway.core.settings.shape_settings import OwnField, RequestMethod

_POST: Final = AuthMethod.CLIENT_SECRET_POST
_ONLY_POST: Final = f"is not sent with {{}}: write token_endpoint_auth_method: {_POST.value}, or remove this"
_ID_IN_HEADER: Final = (
    f"is in the Authorization header with {{}}: write token_endpoint_auth_method: {_POST.value}, "
    "or remove this"
)
_NO_BODY: Final = "has no effect with method: GET, which has no body: remove it"
_BOTH: Final = "is renamed and omitted: do one of the two"
_TAKEN: Final = "the request has another field of this name: choose another name, or omit one of the two"
_REPEATED: Final = "duplicate field: remove it"
_ITSELF: Final = "the token itself is answer.token: choose another name for this part"
_SETS: Final = "the gateway sets this parameter: use the corresponding key instead"
_IN_URL: Final = "the secret is part of the URL, which servers and proxies log: {} if the service allows it"
_SEND_POST: Final = "write method: POST"
_SEND_ELSEWHERE: Final = "send it in headers or parameters"


def shape_findings(loc: Loc, client: ClientModel, root: Keys) -> Iterator[Mistake]:
    """Yield what does not fit together, and secrets in URLs."""
    if is_jwt_bearer(client) and "assertion" in (client.parameters or {}):
        yield Mistake((*loc, "parameters", "assertion"), _SETS, is_about_key=True)
    if client.request is not None:
        yield from _in_request((*loc, "request"), client, client.request)
    if client.answer is not None and MAIN_PART in (client.answer.take or {}):
        yield Mistake((*loc, "answer", "take", MAIN_PART), _ITSELF, is_about_key=True)
    yield from _in_urls(loc, client, root)


def _in_request(loc: Loc, client: ClientModel, request: TokenRequestModel) -> Iterator[Mistake]:
    renamed, omitted = request.rename or {}, request.omit or []
    if request.method is RequestMethod.GET and request.format is not None:
        yield Mistake((*loc, "format"), _NO_BODY, is_about_key=True)
    for own in renamed:
        here = (*loc, "rename", own.value)
        if own in omitted:
            yield Mistake(here, f"{own.value} {_BOTH}", is_about_key=True)
        elif words := _unsent(own, client):
            yield Mistake(here, f"{own.value} {words}", is_about_key=True)
    for index, own in enumerate(omitted):
        if own in omitted[:index]:
            yield Mistake((*loc, "omit", index), _REPEATED)
        elif words := _unsent(own, client):
            yield Mistake((*loc, "omit", index), f"{own.value} {words}")
    yield from _twins(loc, client, request)


def _unsent(own: OwnField, client: ClientModel) -> str:
    method = client_method(client)
    if own is OwnField.CLIENT_SECRET and method is not _POST:
        return _ONLY_POST.format(method.value)
    if own is OwnField.CLIENT_ID and method is AuthMethod.CLIENT_SECRET_BASIC:
        return _ID_IN_HEADER.format(method.value)
    return ""


def _twins(loc: Loc, client: ClientModel, request: TokenRequestModel) -> Iterator[Mistake]:
    renamed = request.rename or {}
    gone = {*renamed, *(request.omit or [])}
    in_query = request.query if request.method is RequestMethod.GET else None
    known = {own.value for own in OwnField if own not in gone} | {
        *(client.parameters or ()),
        *(in_query or ()),
    }
    for own, name in renamed.items():
        if name in known:
            yield Mistake((*loc, "rename", own.value), _TAKEN)
        known.add(name)


def _in_urls(loc: Loc, client: ClientModel, root: Keys) -> Iterator[Mistake]:
    """Yield warnings of secrets that would be in a URL."""
    request = client.request
    is_get = request is not None and request.method is RequestMethod.GET
    if is_get and client_method(client) is _POST and client.client_secret is not None:
        yield _warning((*loc, "client_secret"), _SEND_POST)
    for name in client.parameters or {} if is_get else ():
        if _is_secret(root, (*loc, "parameters", name)):
            yield _warning((*loc, "parameters", name), _SEND_POST)
    for name in request.query or {} if request is not None else ():
        if _is_secret(root, (*loc, "request", "query", name)):
            yield _warning((*loc, "request", "query", name), _SEND_ELSEWHERE)
    for key in ("token_endpoint", "revocation_endpoint"):
        leaf = find(root, (*loc, key)).node
        if isinstance(leaf, Leaf) and _has_secret(leaf):
            yield _warning((*loc, key), _SEND_ELSEWHERE)


def _is_secret(root: Keys, loc: Loc) -> bool:
    """Whether a value probably is a secret: its name says so, or it is read from a file."""
    leaf = find(root, loc).node
    is_from_file = isinstance(leaf, Leaf) and leaf.template is not None and bool(leaf.template.files)
    return is_from_file or sounds_secret(str(loc[-1]))


def _has_secret(leaf: Leaf) -> bool:
    is_from_file = leaf.template is not None and bool(leaf.template.files)
    query = str(leaf.value).partition("?")[2]
    return is_from_file or any(sounds_secret(part.partition("=")[0]) for part in query.split("&"))


def _warning(loc: Loc, remedy: str) -> Mistake:
    return Mistake(loc, _IN_URL.format(remedy), severity=Severity.WARNING)
