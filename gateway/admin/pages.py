"""From a path to what is shown there: a table, pure but for the callables of `AdminView`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from textwrap import indent
from typing import Final

from gateway.admin.view import AdminView, Readiness, State
from gateway.observe.metrics import CONTENT_TYPE as METRICS_TYPE

JSON_TYPE: Final = "application/json"
KEY_SET_TYPE: Final = "application/jwk-set+json"
KEY_SET_MAY_BE_KEPT: Final = {"Cache-Control": "public, max-age=60"}
PROBLEM_TYPE: Final = "application/problem+json"
METHODS: Final = ("GET", "HEAD")
STATES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Page:
    """A response of the admin listener.

    Attributes:
        body: whole, or in pieces each of which is made in a few milliseconds.
        prepare: to be called first, in a thread, because it takes longer.
    """

    status: int
    content_type: str
    body: bytes | Iterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] | None = None


def _health(view: AdminView) -> Page:
    if stale := view.stale():
        return _json_page({"status": "stale", "stale": list(stale)}, 503)
    return _json_page({"status": "alive"})


def _ready(view: AdminView) -> Page:
    readiness = view.readiness()
    state = {
        "ready": readiness.is_ready,
        "draining": readiness.is_draining,
        **({"starting": True} if readiness.is_starting else {}),
        "missing": [
            {
                "client": missing.client,
                "required": missing.is_required,
                "error": missing.error,
                "retry_in_s": missing.retry_in_s,
            }
            for missing in readiness.missing
        ],
    }
    return _json_page(state, 200 if readiness.is_ready else 503, _retry_after(readiness))


def _retry_after(readiness: Readiness) -> dict[str, str]:
    waits_s = [missing.retry_in_s for missing in readiness.awaited if missing.retry_in_s is not None]
    return {"Retry-After": str(ceil(min(waits_s)))} if waits_s and not readiness.is_draining else {}


def _metrics(view: AdminView) -> Page:
    return Page(200, METRICS_TYPE, view.metrics(), prepare=view.prepare_metrics)


def _clients(view: AdminView) -> Page:
    return Page(200, JSON_TYPE, _listed("clients", view.clients()))


def _routes(view: AdminView) -> Page:
    return Page(200, JSON_TYPE, _listed("routes", view.routes()))


def _callers(view: AdminView) -> Page:
    return Page(200, JSON_TYPE, _listed("callers", view.callers()))


def _tunnels(view: AdminView) -> Page:
    return Page(200, JSON_TYPE, _listed("tunnels", view.tunnels()))


def _upstreams(view: AdminView) -> Page:
    return Page(200, JSON_TYPE, _listed("upstreams", view.upstreams()))


def _config(view: AdminView) -> Page:
    return _json_page(view.config())


def _key_set(view: AdminView) -> Page:
    keys = view.key_set()
    return Page(200, KEY_SET_TYPE, _dumped({"keys": keys}), KEY_SET_MAY_BE_KEPT if keys else {})


def _listed(name: str, states: Iterable[State]) -> Iterator[bytes]:
    """Render an object with one long list, some members at a time."""
    yield b"{\n  %b: [" % json.dumps(name).encode()
    separator, rest = b"\n", iter(states)
    while members := list(islice(rest, STATES_AT_ONCE)):
        texts = (indent(json.dumps(member, indent=2), "    ").encode() for member in members)
        yield separator + b",\n".join(texts)
        separator = b",\n"
    yield b"\n  ]\n}\n"


def _index(_: AdminView) -> Page:
    return _json_page({path: text for path, (text, _) in PAGES.items()})


PAGES: Final[dict[str, tuple[str, Callable[[AdminView], Page]]]] = {
    "/": ("this list", _index),
    "/healthz": ("200 while the process lives and looks after its deadlines, else 503", _health),
    "/readyz": (
        "200 while every required client has had a token since the start and nothing is draining, else 503",
        _ready,
    ),
    "/metrics": ("metrics for Prometheus", _metrics),
    "/clients": ("the clients and their tokens, without secrets", _clients),
    "/routes": ("the routes", _routes),
    "/callers": ("the ways to know a caller: keys, files, what is remembered", _callers),
    "/tunnels": ("the open tunnels of WebSocket", _tunnels),
    "/upstreams": ("groups of upstream addresses: how each address is, and what it served", _upstreams),
    "/.well-known/jwks.json": ("the public keys that verify `identity_jwt`, for upstreams", _key_set),
    "/config": ("the configuration in use, and how the last reload went", _config),
}


def page(method: str, path: str, view: AdminView) -> Page:
    """Return the page that is asked for, or the problem with the request (RFC 9110 section 15.5)."""
    if path not in PAGES:
        return problem(404, "not_found", "There is no such page; / lists them")
    if method not in METHODS:
        return problem(
            405, "method_not_allowed", "Only GET and HEAD are served", {"Allow": ", ".join(METHODS)}
        )
    return PAGES[path][1](view)


def problem(status: int, code: str, title: str, headers: Mapping[str, str] | None = None) -> Page:
    """Build a problem document (RFC 9457)."""
    document = {"type": f"urn:gateway:admin:{code}", "title": title, "status": status}
    return Page(status, PROBLEM_TYPE, _dumped(document), headers or {})


def _json_page(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Page:
    return Page(status, JSON_TYPE, _dumped(content), headers or {})


def _dumped(content: object) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"
