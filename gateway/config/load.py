"""`gateway.yaml` -> `Settings`: the order of the steps.

Text -> tree (`yaml`) -> references filled in (`references`) -> models, rules, settings (`document`).

Every step but the first continues after a mistake, so that all problems are reported together; what a later
step says about a value that is already known to be wrong is dropped. Warnings go the same way, and come with
the settings if there is no problem.
"""

from __future__ import annotations

import errno
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.config.document.document_build import settings
from gateway.config.document.document_rules import rule_findings
from gateway.config.document.validation import read
from gateway.config.files.named_files import NamedFile, files_named_in
from gateway.config.problems import (
    BadText,
    ConfigError,
    ConfigUnreadable,
    Loc,
    Mistake,
    Place,
    Problem,
    Severity,
    Wrong,
)
from gateway.config.process.process_model import DEFAULT_ADMIN
from gateway.config.references.expand import ReferenceValues, expand
from gateway.config.references.secret_warnings import secret_warnings
from gateway.config.tree import Leaf, problems
from gateway.config.values.hosts import admin_address
from gateway.config.yaml.parse import parse
from gateway.config_text import MOST_BYTES, config_bytes, own_contents
from gateway.core.config_place import FILE, ConfigPlace, ConfigVariable, is_name_of_file
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.listener_settings import Address

_TOO_LARGE: Final = "the file is larger than 16 MiB"
_A_NAME: Final = f"this is the name of a file, not the text of a configuration: name it in {FILE}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, or the problems that it has.

    Attributes:
        settings: None if there are problems.
        problems: all problems and warnings, sorted by position.
        files: the files that it names, whether it is valid or not.
        sha256: of its text, in hexadecimal.
        contents: digests of the files that decide how it reads: of the file itself, and of those in
            ``${file:}`` that are not read again by themselves when they are replaced.
    """

    settings: Settings | None
    problems: tuple[Problem, ...]
    files: tuple[NamedFile, ...] = ()
    sha256: str = ""
    contents: Mapping[str, str] = field(default_factory=dict, repr=False)


def load(path: ConfigPlace, environ: Mapping[str, str]) -> Settings:
    """Read a configuration.

    Args:
        path: the file, beside which relative files are looked for; or the variable that holds the text, with
            which they are looked for in the present directory.
        environ: the variables that ``${env:NAME}`` refers to.

    Raises:
        ConfigUnreadable: the file itself cannot be read.
        ConfigError: it is refused, with every reason.
    """
    loaded = load_all(path, environ)
    if loaded.settings is None:
        raise ConfigError(loaded.problems)
    return loaded.settings


def load_all(path: ConfigPlace, environ: Mapping[str, str]) -> Loaded:
    """Read a configuration; return it with everything that is wrong or suspicious.

    Raises:
        ConfigUnreadable: the file itself cannot be read.
    """
    sources = ReferenceValues(environ, _folder(path))
    content = b""
    try:
        with _undisturbed():
            content = _content(path, environ)
            loaded = _loaded(str(path), _text(content), sources)
    except BadText as bad:
        loaded = Loaded(None, (_of_text(path, bad, content),))
    digest = sha256(content).hexdigest()
    return replace(loaded, sha256=digest, contents={**sources.contents, **own_contents(path, digest)})


def admin_in(path: ConfigPlace, environ: Mapping[str, str]) -> Address | None:
    """Return the address of `admin`, whatever is wrong with other keys; None for ``off``.

    Raises:
        ConfigUnreadable: the file itself cannot be read.
        ConfigError: it is not YAML, or the key is wrong.
    """
    sources = ReferenceValues(environ, _folder(path))
    place, message = Place(), ""
    try:
        root, missing = expand(parse(_text(_content(path, environ)))[0], sources)
        entry = root.entries.get("admin")
        if entry is None:
            return DEFAULT_ADMIN
        place = entry.node.place
        message = next((one.message for one in missing if one.loc == ("admin",)), "")
        if not message:
            return admin_address(entry.node.value if isinstance(entry.node, Leaf) else None)
    except BadText as bad:
        raise ConfigError((Problem(str(path), bad.place.line, bad.place.column, "", bad.message),)) from None
    except Wrong as wrong:
        message = str(wrong)
    raise ConfigError((Problem(str(path), place.line, place.column, "admin", message),))


def _loaded(file: str, text: str, sources: ReferenceValues) -> Loaded:
    bare, odd = parse(text)
    root, missing = expand(bare, sources)
    parts, invalid = read(root)
    known = [*odd, *missing]
    judged = _judged(known)
    known += [finding for finding in invalid if finding.is_about_key or _is_news(finding, judged)]
    judged = _judged(known)
    known += [finding for finding in rule_findings(parts, root) if _is_news(finding, judged)]
    if all(finding.severity is Severity.WARNING for finding in known):
        known += secret_warnings(root)
    told, files = problems(file, root, known), files_named_in(root, sources.folder)
    if parts.document is None or any(problem.severity is Severity.PROBLEM for problem in told):
        return Loaded(None, told, files)
    try:
        made = settings(parts.document, parts, root, sources)
    except Wrong as wrong:
        raise ConfigUnreadable(str(wrong)) from None
    return Loaded(replace(made, warnings=tuple(map(str, told))), told, files)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Disable garbage collection: among a million live objects it would double the time of a large file."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _judged(known: list[Mistake]) -> frozenset[Loc]:
    judged = {one.loc for one in known if not one.is_about_key}
    # A single listener may be written without its list: models name its keys as those of the first.
    named_alone = {loc for loc in judged if loc[:1] == ("listen",) and isinstance(loc[-1], str)}
    return frozenset(judged | {("listen", 0, *loc[1:]) for loc in named_alone if len(loc) > 1})


def _is_news(finding: Mistake, judged: frozenset[Loc]) -> bool:
    """Return whether a mistake is new: not about a value, or inside one, that is known to be wrong."""
    return not any(finding.loc[:depth] in judged for depth in range(len(finding.loc) + 1))


def _of_text(path: ConfigPlace, bad: BadText, content: bytes) -> Problem:
    is_name = isinstance(path, ConfigVariable) and is_name_of_file(content.decode("utf-8", "replace"))
    return Problem(str(path), bad.place.line, bad.place.column, "", _A_NAME if is_name else bad.message)


def _folder(path: ConfigPlace) -> Path:
    # Links are not resolved: Kubernetes swaps them, and their old targets vanish.
    return Path.cwd() if isinstance(path, ConfigVariable) else path.absolute().parent


def _content(path: ConfigPlace, environ: Mapping[str, str]) -> bytes:
    try:
        return config_bytes(path, environ)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise BadText(Place(), _TOO_LARGE) from None
        raise ConfigUnreadable(f"{path}: cannot be read: {error.strerror}") from None


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise BadText(Place(), _TOO_LARGE)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise BadText(place, "invalid UTF-8: save the file as UTF-8") from None
