"""What must fit together in a login.

Rules:

- A client has a login or a token endpoint; keys of OAuth have no effect on a login.
- ``${taken:NAME}`` has a value only once an earlier step has taken it, and only where an encoder places it:
  in header fields, in Basic, in a form or in JSON. In the logout everything has one.
- A URL holds no secret, since servers and proxies log it.
- One of the steps takes `token`, the main part of the credential.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.clients.client_method import server_urls
from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.login_model import LoginModel, LoginRequestModel
from gateway.config.clients.send_rules import send_findings, unknown_parts
from gateway.config.problems import Loc, Mistake
from gateway.config.spelling import close_to
from gateway.config.template import Environment, Template
from gateway.config.tree import Items, Keys, Leaf, Node, find
from gateway.config.values.strict import keys_of
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.settings.whereabouts import FromCookie

_BOTH: Final = (
    "a client has a login, or an authorization server to request tokens from: remove one of the two"
)
_OF_SERVERS: Final = ("token_endpoint", "issuer")
_WITH_LOGIN: Final = frozenset(
    {
        "login",
        "default_lifetime",
        "timeout",
        "timeouts",
        "allow_insecure",
        "proxy",
        "tls",
        "send",
        "recover_on",
        "required",
    }
)
"""The keys of a client that have an effect on a login."""
_PLACED: Final = ("headers", "basic", "form", "json")
"""The keys of a step whose texts are placed by encoders."""
_SECRET: Final = (
    "a URL must hold no secret, since servers and proxies log it: send it in headers, basic, form or json"
)
_ALIKE: Final = re.compile(r"(?i).*(passw|pwd|passphrase|secret|token|api[_-]?key)")


def login_findings(loc: Loc, client: ClientModel, wrong: frozenset[Loc], root: Keys) -> Iterator[Mistake]:
    """Yield what does not fit together; `wrong` has the keys that are present but invalid."""
    here = (*loc, "login")
    spot = find(root, here)
    if spot.loc != here:
        return
    yield from _beside(loc, client)
    yield from _in_the_tree(here, spot.node)
    if client.login is not None and here not in wrong:
        yield from _in_the_model(here, client.login)
        if (*loc, "send") not in wrong:  # else its items do not stand where they stood
            yield from send_findings((*loc, "send"), client.send or (), is_bound=False)
            yield from unknown_parts((*loc, "send"), client.send or (), client)
        yield from _certificate(loc, client)


def _beside(loc: Loc, client: ClientModel) -> Iterator[Mistake]:
    for key in sorted(keys_of(ClientModel, client.model_fields_set) - _WITH_LOGIN):
        words = _BOTH if key in _OF_SERVERS else "has no effect with a login: remove it"
        yield Mistake((*loc, key), words, is_about_key=True)


def _certificate(loc: Loc, client: ClientModel) -> Iterator[Mistake]:
    if client.tls is None or client.tls.certificate is None:
        return
    for key, url in server_urls(client):
        if url.scheme is not Scheme.HTTPS:
            yield Mistake((*loc, *key), "a client certificate requires https://")


# ── what the models know ──────────────────────────────────────────────────────────────────────────────


def _in_the_model(here: Loc, login: LoginModel) -> Iterator[Mistake]:
    for index, step in enumerate(login.steps):
        yield from _two_bodies((*here, "steps", index), step)
    if login.logout is not None:
        yield from _two_bodies((*here, "logout"), login.logout)
    takes = [take for step in login.steps for take in (step.take or {}).items()]
    if MAIN_PART not in dict(takes):
        words = (
            f"no step takes `{MAIN_PART}`: write take: {{{MAIN_PART}: ...}} in the step whose answer has it"
        )
        yield Mistake((*here, "steps"), words, is_about_key=True)
    cookies = [name for name, pick in takes if any(isinstance(one, FromCookie) for one in pick.picks)]
    if login.rolling and not cookies:
        words = "has no effect, since no step takes a cookie: remove it"
        yield Mistake((*here, "rolling"), words, is_about_key=True)
    if login.lifetime is not None and login.lifetime.fixed_s is not None and login.lifetime.unit is not None:
        words = "a fixed lifetime has its unit with it: remove this key"
        yield Mistake((*here, "lifetime", "unit"), words, is_about_key=True)


def _two_bodies(here: Loc, request: LoginRequestModel) -> Iterator[Mistake]:
    if request.form is not None and "json" in keys_of(type(request), request.model_fields_set):
        yield Mistake((*here, "json"), "a request has one body: remove form or json", is_about_key=True)
    if request.basic is None:
        return
    for name in request.headers or ():
        if name.lower() == "authorization":
            words = "basic sets this field: remove one of the two"
            yield Mistake((*here, "headers", name), words, is_about_key=True)


# ── what the text knows: which texts hold what ────────────────────────────────────────────────────────


def _in_the_tree(here: Loc, login: Node) -> Iterator[Mistake]:
    steps, known = _below(login, "steps"), list[str]()
    for index, step in enumerate(steps.nodes if isinstance(steps, Items) else ()):
        yield from _of_request((*here, "steps", index), step, known)
        takes = _below(step, "take")
        known += takes.entries if isinstance(takes, Keys) else ()
    yield from _of_request((*here, "logout"), _below(login, "logout"), known)
    for loc, template in _templates((*here, "lifetime"), _below(login, "lifetime")):
        yield from _unplaced(loc, template)


def _of_request(here: Loc, request: Node | None, known: list[str]) -> Iterator[Mistake]:
    for key, entry in request.entries.items() if isinstance(request, Keys) else ():
        if key == "url" and isinstance(entry.node, Leaf):
            yield from _secret_in_url((*here, key), entry.node)
            continue
        for loc, template in _templates((*here, key), entry.node):
            yield from _untaken(loc, template, known) if key in _PLACED else _unplaced(loc, template)


def _untaken(loc: Loc, template: Template, known: list[str]) -> Iterator[Mistake]:
    for name in template.taken:
        if name not in known:
            close = close_to(name, known)
            hint = f", did you mean {close}?" if close else f": write take: {{{name}: ...}} in an earlier one"
            yield Mistake(loc, f"no earlier step takes `{name}`{hint}")


def _unplaced(loc: Loc, template: Template) -> Iterator[Mistake]:
    if template.taken:
        yield Mistake(loc, "${taken:NAME} has no value here: it may stand in headers, basic, form and json")


def _secret_in_url(loc: Loc, url: Leaf) -> Iterator[Mistake]:
    template, text = url.template, str(url.value)
    names = [part.partition("=")[0] for part in text.partition("?")[2].split("&")]
    if any(map(_ALIKE.match, names)) or (template is not None and _has_secret(template)):
        yield Mistake(loc, _SECRET)


def _has_secret(template: Template) -> bool:
    """Whether a part of a URL may be a secret: a file, what was taken, or a variable that sounds like one."""
    return bool(template.files or template.taken) or any(
        _ALIKE.match(each.name) is not None for each in template.references if isinstance(each, Environment)
    )


def _templates(loc: Loc, node: Node | None) -> Iterator[tuple[Loc, Template]]:
    match node:
        case Leaf(template=Template() as template):
            yield loc, template
        case Items(nodes=nodes):
            for index, one in enumerate(nodes):
                yield from _templates((*loc, index), one)
        case Keys(entries=entries):
            for key, entry in entries.items():
                yield from _templates((*loc, key), entry.node)


def _below(node: Node | None, key: str) -> Node | None:
    entry = node.entries.get(key) if isinstance(node, Keys) else None
    return None if entry is None else entry.node
