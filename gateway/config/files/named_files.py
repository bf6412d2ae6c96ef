"""Every file that a configuration names by path, and the place that names it.

They are taken from the tree, not from the settings, so that files are checked even if something else is
wrong, and each problem has its line, column and key. Files in ``${file:...}`` are read with the configuration
itself, and are not among these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from gateway.config.problems import Loc, Problem, dotted
from gateway.config.tree import Items, Keys, Leaf, Node, Spot, find


class FileKind(Enum):
    """What a file must be."""

    CERTIFICATE = auto()
    KEY = auto()
    AUTHORITIES = auto()
    API_KEYS = auto()
    HTPASSWD = auto()
    KEY_SET = auto()
    LOG = auto()
    SOCKET = auto()
    GROUP = auto()  # not a file, but as dependent on the machine; `path` is its name


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file, and the place that names it.

    Attributes:
        path: the full path; relative ones are resolved beside the configuration.
        certificate: for a key, the certificate beside it, if there is one.
        is_clients: whether only the tokens of a client, or the callers of one way, depend on it.
    """

    kind: FileKind
    path: str
    spot: Spot
    certificate: str | None = None
    is_clients: bool = False

    @property
    def what(self) -> tuple[FileKind, str, str | None]:
        """What is checked of which file."""
        return self.kind, self.path, self.certificate

    @property
    def is_read(self) -> bool:
        """Whether its content is used: not that of a log, nor of what is no file."""
        # A file of callers is watched by the way that reads it.
        return self.kind in {FileKind.CERTIFICATE, FileKind.KEY, FileKind.AUTHORITIES}

    def problem(self, file: str, message: str) -> Problem:
        """Return the problem with it, as it is reported to the operator."""
        place = self.spot.node.place
        return Problem(file, place.line, place.column, dotted(self.spot.loc), message)


_KINDS: Final = {
    "certificate": FileKind.CERTIFICATE,
    "key": FileKind.KEY,
    "ca": FileKind.AUTHORITIES,
    "client_ca": FileKind.AUTHORITIES,
    "assertion_certificate": FileKind.CERTIFICATE,
}

_OF_WAYS: Final = (
    (("api_key", "file"), FileKind.API_KEYS),
    (("basic", "htpasswd"), FileKind.HTPASSWD),
    (("jwt", "keys"), FileKind.KEY_SET),
    (("jwt", "tls", "ca"), FileKind.AUTHORITIES),
)


def files_named_in(root: Keys, folder: Path) -> tuple[NamedFile, ...]:
    """Return the files in the order of the sections, each once for every check."""
    walk = _Walk(root, folder)
    of_clients = [one for name in _names(root, "clients") for one in walk.of_client(name)]
    of_clients += [one for name in _names(root, "callers") for one in walk.of_way(name)]
    # A certificate that a client uses too (RFC 8705 section 3) counts as the client's; a CA bundle does not.
    pairs = {one.what for one in of_clients if one.kind is not FileKind.AUTHORITIES}
    others = [one for one in walk.of_servers() if one.what not in pairs]
    unique = {(one.what, one.is_clients): one for one in reversed([*of_clients, *others])}
    return tuple(reversed(unique.values()))


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Keys
    folder: Path

    def of_client(self, name: str) -> Iterator[NamedFile]:
        here = ("clients", name)
        yield from self._tls((*here, "tls"), is_clients=True)
        yield from self._file((*here, "assertion_certificate"), is_clients=True)

    def of_way(self, name: str) -> Iterator[NamedFile]:
        for keys, kind in _OF_WAYS:
            loc = ("callers", name, *keys)
            if (path := self._path(loc)) is not None:
                yield NamedFile(kind, path, find(self.root, loc), is_clients=True)

    def of_servers(self) -> Iterator[NamedFile]:
        for index in range(_length(self.root, "listen")):
            yield from self._socket(("listen", index))
            yield from self._socket(("listen", index, "address"))
            yield from self._group(("listen", index, "group"))
            yield from self._tls(("listen", index, "tls"))
            yield from self._file(("listen", index, "tls", "client_ca"))
        yield from self._socket(("admin",))
        for index in range(_length(self.root, "routes")):
            yield from self._tls(("routes", index, "tls"))
        for name in _names(self.root, "upstreams"):
            yield from self._tls(("upstreams", name, "tls"))
        yield from self._log(("log", "access"))

    def _tls(self, loc: Loc, *, is_clients: bool = False) -> Iterator[NamedFile]:
        for key in ("certificate", "key", "ca"):
            yield from self._file((*loc, key), is_clients=is_clients)

    def _file(self, loc: Loc, *, is_clients: bool = False) -> Iterator[NamedFile]:
        path = self._path(loc)
        kind = _KINDS[str(loc[-1])]
        if path is not None:
            beside = self._path((*loc[:-1], "certificate")) if kind is FileKind.KEY else None
            yield NamedFile(kind, path, find(self.root, loc), beside, is_clients)

    def _log(self, loc: Loc) -> Iterator[NamedFile]:
        text = self._text(loc)
        if text is not None and text.startswith("/"):
            yield NamedFile(FileKind.LOG, text, find(self.root, loc))

    def _socket(self, loc: Loc) -> Iterator[NamedFile]:
        text = self._text(loc)
        if text is not None and text.startswith("unix:/"):
            yield NamedFile(FileKind.SOCKET, text.removeprefix("unix:"), find(self.root, loc))

    def _group(self, loc: Loc) -> Iterator[NamedFile]:
        text, spot = self._text(loc), find(self.root, loc)
        if text is not None and spot.loc[-1:] == loc[-1:]:
            yield NamedFile(FileKind.GROUP, text, spot)

    def _path(self, loc: Loc) -> str | None:
        text = self._text(loc)
        return None if text is None else str(self.folder / text)

    def _text(self, loc: Loc) -> str | None:
        """Return the text there; None if it is no text, names no file, or refers to nothing."""
        spot = find(self.root, loc)
        node = spot.node
        # A single item may be written without its list; then its index is not part of the path.
        if len(spot.loc) < len([part for part in loc if part != 0]) or not isinstance(node, Leaf):
            return None
        is_unresolved = isinstance(node.value, str) and node.template is None and "${" in node.value
        if not isinstance(node.value, str) or is_unresolved or "\0" in node.value:
            return None
        return node.value or None


def _names(root: Keys, key: str) -> tuple[str, ...]:
    node = _under(root, key)
    return tuple(node.entries) if isinstance(node, Keys) else ()


def _length(root: Keys, key: str) -> int:
    """Return how many items there are; a single one may be written without its list."""
    node = _under(root, key)
    return len(node.nodes) if isinstance(node, Items) else int(node is not None)


def _under(root: Keys, key: str) -> Node | None:
    return root.entries[key].node if key in root.entries else None
