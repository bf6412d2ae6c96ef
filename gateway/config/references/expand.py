"""Replace references by their values, throughout the tree.

Rules: any text value may contain references, keys may not. A reference that cannot be looked up is a mistake
where it is used; a variable that is missing or empty has its default, if one is written. A relative file is
looked for beside the configuration. What comes out is text, marked as `Filled` for keys that take none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import is_not
from pathlib import Path
from typing import Final

from gateway.config.problems import Loc, Mistake, Wrong
from gateway.config.references.secrecy import is_credential, is_in_login, may_be_secret
from gateway.config.template import Credential, Environment, File, Reference, Template, read_template
from gateway.config.tree import Entry, Items, Keys, Leaf, Node
from gateway.config.values.filled import Filled
from gateway.core.text.secret_shape import is_unfilled
from gateway.system.text_file import file_text, text_digest

_NOT_OURS: Final = (
    "this notation is not expanded: write ${env:NAME} for an environment variable, ${file:/path} for a file"
)


@dataclass(frozen=True, slots=True)
class ReferenceValues:
    """Where references are looked up.

    Attributes:
        found: the values found so far that may be secrets.
        contents: digests of the files found so far that are not read again by themselves when they are
            replaced, as those of credentials are; empty where a file cannot be used.
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    found: set[str] = field(default_factory=set, repr=False)
    contents: dict[str, str] = field(default_factory=dict, repr=False)

    def value(self, reference: Reference) -> str:
        """Look up one reference.

        Raises:
            Wrong: it leads nowhere, or to something that is not text.
        """
        match reference:
            case Environment(name, default):
                value = self.variable(name) or self._default(name, default)
            case File() | Credential():
                value = file_text(self.path(reference))
        return value

    def path(self, reference: File | Credential) -> Path:
        """Return where the file of a reference is.

        Raises:
            Wrong: the process was started without credentials.
        """
        if isinstance(reference, File):
            return self.folder / reference.path
        directory = self.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise Wrong(
                "CREDENTIALS_DIRECTORY is not set: credentials are what systemd hands to a service, whose "
                f"unit needs LoadCredential={reference.name}:/path"
            )
        return Path(directory) / reference.name

    def variable(self, name: str) -> str:
        """Return the value of an environment variable; empty if it is missing."""
        return self.environ.get(name, "")

    def _default(self, name: str, default: str | None) -> str:
        if default is None:
            state = "empty" if name in self.environ else "not set"
            raise Wrong(f"the environment variable {name} is {state}")
        return default


def expand(root: Keys, sources: ReferenceValues) -> tuple[Keys, list[Mistake]]:
    """Return the tree with every reference replaced, and the mistakes in those that cannot be."""
    findings: list[Mistake] = []
    made = _node(root, (), _Expansion(sources, findings))
    assert isinstance(made, Keys)
    return made, findings


@dataclass(frozen=True, slots=True)
class _Expansion:
    sources: ReferenceValues
    findings: list[Mistake]


def _node(node: Node, loc: Loc, walk: _Expansion) -> Node:
    """Return a node with every reference in it replaced; the same object if it has none."""
    match node:
        case Keys():
            made = {
                key: Entry(entry.place, below)
                for key, entry in node.entries.items()
                if (below := _below(entry.node, loc, key, walk)) is not entry.node
            }
            return Keys(node.place, {**node.entries, **made}) if made else node
        case Items():
            nodes = tuple(_below(item, loc, index, walk) for index, item in enumerate(node.nodes))
            return Items(node.place, nodes) if any(map(is_not, nodes, node.nodes)) else node
        case Leaf():
            return _leaf(node, loc, walk)


def _below(node: Node, loc: Loc, part: str | int, walk: _Expansion) -> Node:
    if isinstance(node, Leaf) and not (isinstance(node.value, str) and any(map(node.value.count, "$%{"))):
        return node  # no reference in any notation: each has one of these
    return _node(node, (*loc, part), walk)


def _leaf(leaf: Leaf, loc: Loc, walk: _Expansion) -> Leaf:
    if not isinstance(leaf.value, str):
        return leaf
    if "${" not in leaf.value:
        if is_unfilled(leaf.value):
            walk.findings.append(Mistake(loc, _NOT_OURS))
        return leaf
    try:
        template = _template(leaf.value, loc)
        if not is_credential(loc):
            for file in template.files:
                path = walk.sources.path(file)
                walk.sources.contents[str(path)] = text_digest(path)
        value = walk.sources.value
        filled = template.fill(value)
        walk.sources.found.update(may_be_secret(loc, template, value))
        return Leaf(leaf.place, Filled(filled) if template.references else filled, template)
    except Wrong as wrong:
        walk.findings.append(Mistake(loc, str(wrong)))
        return leaf


def _template(text: str, loc: Loc) -> Template:
    template = read_template(text)
    if template.taken and not is_in_login(loc):
        raise Wrong(
            "${taken:NAME} has a value only in a login: write it in one of its steps, or in its logout"
        )
    return template
