"""Models -> settings of a login: its steps, and readers of the secrets in them.

Texts are taken from the tree, which knows what they are composed of; everything else from the models. A text
is a secret, and read anew at each use, if it has references, or if its key sounds like one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from gateway.config.clients.login_model import (
    LoginModel,
    LoginRequestModel,
    LoginStepModel,
    SuccessModel,
)
from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import constant_reader, template_reader
from gateway.config.template import Taken, Template
from gateway.config.tree import Items, Keys, Leaf, Node, find, plain
from gateway.config.values.pick_model import LifetimeModel
from gateway.core.settings.client_settings import SecretReader
from gateway.core.settings.login_settings import (
    BasicLogin,
    FormBody,
    JsonBody,
    JsonConstant,
    JsonItems,
    JsonMembers,
    LoginSettings,
    LoginStep,
    LoginSuccess,
    LoginText,
    SecretText,
    StatedLife,
    StepRequest,
    TakenText,
)
from gateway.core.settings.whereabouts import LifeUnit
from gateway.core.text.json_condition import JsonCondition

SOUNDS_SECRET: Final = re.compile(
    r"(?i)(?!.*[cx]srf).*(passw|pwd|passphrase|secret|token|api[_-]?key|authorization)"
)
_BODIES: Final = ("form", "json")


def login_settings(
    login: LoginModel, node: Node, sources: ReferenceValues
) -> tuple[LoginSettings, tuple[SecretReader, ...]]:
    """Build the settings of a login, and the readers of its secret texts.

    Raises:
        Wrong: a secret's file vanished since it was read.
    """
    texts = _Texts(sources)
    steps = tuple(
        _step(step, find(node, ("steps", index)).node, texts) for index, step in enumerate(login.steps)
    )
    logout = None if login.logout is None else _request(login.logout, find(node, ("logout",)).node, texts)
    settings = LoginSettings(
        steps, lifetime_settings(login.lifetime), logout, login.rolling, login.max_logins
    )
    return settings, tuple(texts.readers)


def _step(step: LoginStepModel, node: Node, texts: _Texts) -> LoginStep:
    takes = tuple((name, pick.picks[0]) for name, pick in (step.take or {}).items())
    return LoginStep(_request(step, node, texts), success_settings(step.success), takes)


def success_settings(success: SuccessModel | None) -> LoginSuccess:
    """Build what an answer must look like."""
    if success is None:
        return LoginSuccess()
    return LoginSuccess(
        statuses=None if success.status is None else frozenset(success.status),
        content_type=success.content_type or "",
        location=success.location or "",
        fields=tuple((success.header or {}).items()),
        json=tuple(JsonCondition(pointer, wanted) for pointer, wanted in (success.json_body or {}).items()),
    )


def lifetime_settings(lifetime: LifetimeModel | None) -> StatedLife | float | None:
    """Build where a lifetime is stated, or how long it is."""
    if lifetime is None or lifetime.fixed_s is not None:
        return None if lifetime is None else lifetime.fixed_s
    return StatedLife(lifetime.picks[0], lifetime.unit or LifeUnit.SECONDS)


def _request(request: LoginRequestModel, node: Node, texts: _Texts) -> StepRequest:
    has_body = isinstance(node, Keys) and not node.entries.keys().isdisjoint(_BODIES)
    return StepRequest(
        method=request.method or ("POST" if has_body else "GET"),
        url=request.url.url,
        headers=tuple(texts.fields(node, "headers")),
        basic=None if request.basic is None else _basic(dict(texts.fields(node, "basic"))),
        body=_body(node, texts),
    )


def _basic(fields: dict[str, LoginText]) -> BasicLogin:
    return BasicLogin(fields["user"], fields["password"])


def _body(node: Node, texts: _Texts) -> FormBody | JsonBody | None:
    entries = node.entries if isinstance(node, Keys) else {}
    if "form" in entries:
        return FormBody(tuple(texts.fields(node, "form")))
    return texts.json("", entries["json"].node) if "json" in entries else None


class _Texts:
    """Makes texts of nodes, and collects the readers of the secrets in them."""

    def __init__(self, sources: ReferenceValues) -> None:
        self._sources = sources
        self.readers: list[SecretReader] = []

    def fields(self, node: Node, key: str) -> Iterator[tuple[str, LoginText]]:
        """Yield the texts of the mapping at `key`, by name."""
        below = node.entries[key].node if isinstance(node, Keys) and key in node.entries else None
        for name, entry in below.entries.items() if isinstance(below, Keys) else ():
            assert isinstance(entry.node, Leaf)
            yield name, self._text(name, entry.node)

    def json(self, name: str, node: Node) -> JsonBody:
        """Make a JSON body."""
        match node:
            case Keys(entries=entries):
                members = ((key, self.json(key, entry.node)) for key, entry in entries.items())
                return JsonMembers(tuple(members))
            case Items(nodes=nodes):
                return JsonItems(tuple(self.json(name, one) for one in nodes))
            case Leaf(value=str()):
                return self._text(name, node)
            case _:
                return JsonConstant(json.dumps(plain(node)))

    def _text(self, name: str, leaf: Leaf) -> LoginText:
        if leaf.template is not None:
            return LoginText(tuple(self._pieces(leaf.template)))
        if SOUNDS_SECRET.match(name):
            return LoginText((self._secret(constant_reader(str(leaf.value))),))
        return LoginText((str(leaf.value),))

    def _pieces(self, template: Template) -> Iterator[str | SecretText | TakenText]:
        """Yield each reference by itself: a server may echo a secret without the text around it."""
        for part in template.parts:
            match part:
                case str():
                    yield part
                case Taken(name):
                    yield TakenText(name)
                case _:
                    yield self._secret(template_reader(Template((part,)), self._sources))

    def _secret(self, reader: SecretReader) -> SecretText:
        self.readers.append(reader)
        return SecretText(len(self.readers) - 1)
