"""Secrets in plain text, and secrets that are probably not what was intended.

Rules: no message shows anything of a secret but its length. Checked are the client's credentials, the
password of a proxy, and parameters and fields whose names suggest a secret; there, the default of a variable
is as plain as any text. Warnings are given for valid
files only: beside problems they would be noise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.problems import Loc, Mistake, Severity
from gateway.config.template import Environment, Reference
from gateway.config.tree import Items, Keys, Leaf, Node, find
from gateway.core.text.masking import MASKED_FROM_CHARS
from gateway.core.text.secret_shape import oddities

_Text = tuple[Loc, Leaf, str]

_CREDENTIALS: Final = ("client_secret", "private_key", "client_assertion", "dpop_private_key")
_ALIKE: Final = re.compile(r"(?i).*(passw(or)?d|passphrase|secret|api[_-]?key|authorization)")
_OF_CLIENTS: Final = (("parameters",), ("headers",), ("assertion_claims",), ("request", "query"))
_OF_ROUTES: Final = (
    ("parameters",),
    ("token_headers",),
    ("headers", "request", "set"),
    ("headers", "request", "add"),
)
_PLAIN: Final = "the secret is in this file in plain text: write ${env:NAME} or ${file:/path} instead"
_DEFAULT: Final = "the default is a secret in this file in plain text: write ${env:NAME} without a default"
_SHORT: Final = (
    f"the secret has fewer than {MASKED_FROM_CHARS} characters: it is easy to guess, and never masked"
)
_NO_REFERENCE: Final = "expected ${{{}}}: without ${{...}} this text is the secret itself"


_MARK: Final = "\N{OBJECT REPLACEMENT CHARACTER}"
_NAMED: Final = {"env:": "env:NAME", "file:": "file:/path", None: "credential:NAME"}


def sounds_secret(name: str) -> bool:
    """Whether the name of a key suggests that its value is a secret."""
    return _ALIKE.match(name) is not None


def secret_problems(root: Keys) -> Iterator[Mistake]:
    """Yield texts that were meant as references, and are none."""
    for loc, leaf, text in _credentials(root):
        found = re.fullmatch(r"(env:)[A-Za-z_]\w*(?::-.*)?|(file:)/.+|credential:[\w.-]+", text)
        if leaf.template is None and found is not None:
            yield Mistake(loc, _NO_REFERENCE.format(_NAMED[found[1] or found[2]]))


def secret_warnings(root: Keys) -> Iterator[Mistake]:
    """Yield what is probably not intended."""
    credentials = list(_credentials(root))
    for loc, leaf, _ in (*credentials, *_alike(root), *_in_logins(root)):
        if leaf.template is None:
            yield _warning(loc, _PLAIN)
        elif leaf.template.has_default:
            yield _warning(loc, _DEFAULT)
    for loc, _, text in credentials:
        odd = list(oddities(text)) if "\n" not in text else []
        yield from (_warning(loc, f"the secret {one}") for one in odd)
        if not odd and len(text) < MASKED_FROM_CHARS:
            yield _warning(loc, _SHORT)
    owners: list[Loc] = [("clients", name) for name in _keys_of(root, ("clients",))]
    owners += [("routes", index) for index in range(_count(root, ("routes",)))]
    for keys in [(*owner, "proxy") for owner in owners]:
        for loc, leaf, text in _texts(root, keys):
            if leaf.template is None and _password_in(text):
                yield _warning(loc, _PLAIN.replace("the secret", "the password"))
            elif leaf.template is not None and _MARK in _password_in(leaf.template.fill(_marked)):
                yield _warning(loc, _DEFAULT.replace("a secret", "a password"))


def _password_in(url: str) -> str:
    """Return the password in the URL of a proxy, or empty."""
    return url.rpartition("@")[0].removeprefix("http://").partition(":")[2]


def _marked(reference: Reference) -> str:
    """Show in a template where defaults are."""
    return _MARK if isinstance(reference, Environment) and reference.default else ""


def _credentials(root: Keys) -> Iterator[_Text]:
    for name in _keys_of(root, ("clients",)):
        for key in _CREDENTIALS:
            yield from _texts(root, ("clients", name, key))
    yield from _texts(root, ("identity_jwt", "key"))


def _alike(root: Keys) -> Iterator[_Text]:
    """Yield the values of keys whose names suggest a secret."""
    clients = [("clients", name, *keys) for name in _keys_of(root, ("clients",)) for keys in _OF_CLIENTS]
    routes = [("routes", index, *keys) for index in range(_count(root, ("routes",))) for keys in _OF_ROUTES]
    for section in (*clients, *routes):
        for name in _keys_of(root, section):
            if _ALIKE.match(name):
                yield from _texts(root, (*section, name))


def _in_logins(root: Keys) -> Iterator[_Text]:
    """Yield the same of all texts in logins."""
    for name in _keys_of(root, ("clients",)):
        spot = find(root, loc := ("clients", name, "login"))
        if spot.loc == loc:
            yield from _alike_below(spot.node, loc)


def _alike_below(node: Node, loc: Loc) -> Iterator[_Text]:
    match node:
        case Keys():
            for key, entry in node.entries.items():
                yield from _alike_below(entry.node, (*loc, key))
        case Items():
            for index, item in enumerate(node.nodes):
                yield from _alike_below(item, (*loc, index))
        case Leaf(value=str() as text):
            if _ALIKE.match(next(part for part in reversed(loc) if isinstance(part, str))) and text:
                yield loc, node, text


def _texts(root: Keys, loc: Loc) -> Iterator[_Text]:
    """Yield the text at `loc`, or those of the list there."""
    spot = find(root, loc)
    if spot.loc != loc:
        return
    leaves = list(enumerate(spot.node.nodes)) if isinstance(spot.node, Items) else [(None, spot.node)]
    for index, leaf in leaves:
        if isinstance(leaf, Leaf) and isinstance(leaf.value, str) and leaf.value:
            yield (loc if index is None else (*loc, index)), leaf, leaf.value


def _warning(loc: Loc, message: str) -> Mistake:
    return Mistake(loc, message, severity=Severity.WARNING)


def _keys_of(root: Keys, loc: Loc) -> tuple[str, ...]:
    spot = find(root, loc)
    return tuple(spot.node.entries) if spot.loc == loc and isinstance(spot.node, Keys) else ()


def _count(root: Keys, loc: Loc) -> int:
    spot = find(root, loc)
    return len(spot.node.nodes) if spot.loc == loc and isinstance(spot.node, Items) else 0
