"""References inside a text: ``${env:NAME}``, ``${env:NAME:-default}``, ``${file:/path}`` and their like.

Rules: ``$${`` is a literal ``${``; any other ``$`` is an ordinary character; the value of a reference is
never expanded again. A default is plain text without braces and line breaks: no reference stands in another.
``${taken:NAME}`` stands for what an earlier step of a login gave: only then it has a value, so here it is a
part of a text that is no reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.config.problems import Wrong

_REFERENCE: Final = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?:(?P<kind>env|file|credential|taken):(?P<name>[^{}\r\n]*)\})?"
)
_CREDENTIAL: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]+", re.ASCII)
_VARIABLE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.ASCII)
_NESTED: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*:-[^{}\r\n]*\$\{", re.ASCII)
TAKEN_NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
_TAKEN: Final = re.compile(TAKEN_NAME, re.ASCII)


@dataclass(frozen=True, slots=True)
class Environment:
    """The value of an environment variable.

    Attributes:
        default: stands for one that is missing or empty; None: that is a mistake. It may be a secret.
    """

    name: str
    default: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"${{env:{self.name}}}"


@dataclass(frozen=True, slots=True)
class File:
    """The content of a file, without a final line break."""

    path: str

    def __str__(self) -> str:
        return f"${{file:{self.path}}}"


@dataclass(frozen=True, slots=True)
class Credential:
    """The same of a file in the directory of credentials that systemd makes for a service."""

    name: str

    def __str__(self) -> str:
        return f"${{credential:{self.name}}}"


@dataclass(frozen=True, slots=True)
class Taken:
    """What an earlier step of a login gave, by its name."""

    name: str

    def __str__(self) -> str:
        return f"${{taken:{self.name}}}"


Reference = Environment | File | Credential


@dataclass(frozen=True, slots=True)
class Template:
    """A text that contains references."""

    parts: tuple[str | Reference | Taken, ...] = field(repr=False)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references in it, in order."""
        return tuple(part for part in self.parts if not isinstance(part, str | Taken))

    @property
    def taken(self) -> tuple[str, ...]:
        """The names of what it takes from earlier steps of a login."""
        return tuple(part.name for part in self.parts if isinstance(part, Taken))

    @property
    def has_default(self) -> bool:
        """Whether a part of what it may become is written in it, as the default of a variable."""
        return any(isinstance(part, Environment) and part.default for part in self.parts)

    @property
    def files(self) -> tuple[File | Credential, ...]:
        """The files among its references."""
        return tuple(part for part in self.references if not isinstance(part, Environment))

    def fill(self, look_up: Callable[[Reference], str]) -> str:
        """Return the text with each reference replaced by its value, and what is taken left as written."""
        return "".join(
            part if isinstance(part, str) else str(part) if isinstance(part, Taken) else look_up(part)
            for part in self.parts
        )


def read_template(text: str) -> Template:
    """Split a text into plain parts and references.

    Raises:
        Wrong: a ``${`` does not begin a reference.
    """
    parts: list[str | Reference | Taken] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        if not match["escape"] and _NESTED.match(text, match.start() + len("${")):
            raise Wrong("a default is plain text: it cannot contain another reference")
        parts += [text[end : match.start()], "${" if match["escape"] else _reference(match)]
        end = match.end()
    return Template(tuple(part for part in (*parts, text[end:]) if part != ""))


def _reference(match: re.Match[str]) -> Reference | Taken:
    name = match["name"]
    if match["kind"] == "taken":
        if not _TAKEN.fullmatch(name):
            raise Wrong("expected ${taken:NAME}, where NAME is one that an earlier step of a login takes")
        return Taken(name)
    if match["kind"] == "env" and (variable := _VARIABLE.fullmatch(name)):
        return Environment(variable["name"], variable["default"])
    if match["kind"] == "file" and name.startswith("~"):
        raise Wrong("~ is not expanded: write an absolute path, or one relative to this file")
    if match["kind"] == "file" and name.strip() and name.isprintable():
        return File(name)
    if match["kind"] == "credential" and _CREDENTIAL.fullmatch(name):
        return Credential(name)
    raise Wrong("expected ${env:NAME}, ${file:/path} or ${credential:NAME}; write $${ for a literal ${")
