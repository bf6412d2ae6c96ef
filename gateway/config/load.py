"""`gateway.yaml` -> `Settings`: the order of the steps.

Text -> tree (`parse`) -> references filled in (`expand`) -> models (`reading`) -> rules across (`rules`) ->
settings (`build`). Every step but the first goes on after a finding, so that all problems come at once; what
a later step says about a value that is already found wrong is dropped. Warnings go the same way, and come
with the settings where nothing else was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.config.build import settings
from gateway.config.expand import Sources, expand
from gateway.config.parse import parse
from gateway.config.problems import (
    BadText,
    ConfigError,
    ConfigUnreadable,
    Finding,
    Place,
    Problem,
    Severity,
    Wrong,
)
from gateway.config.reading import read
from gateway.config.rules import rule_findings
from gateway.config.tree import problems
from gateway.core.settings import MIB, Settings

_MOST_BYTES: Final = 1 * MIB


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read a configuration.

    Args:
        path: the file; its folder is where relative files are looked for.
        environ: what ``${env:NAME}`` refers to.

    Raises:
        ConfigUnreadable: the file itself cannot be read.
        ConfigError: it is refused, with every reason.
    """
    content = _content(path)
    # Not resolved: Kubernetes swaps the links on the way, and what they pointed to vanishes.
    sources = Sources(environ, path.absolute().parent)
    try:
        return _settings(str(path), _text(content), sources)
    except BadText as bad:
        place = bad.place
        raise ConfigError((Problem(str(path), place.line, place.column, "", bad.message),)) from None


def _settings(file: str, text: str, sources: Sources) -> Settings:
    bare, odd = parse(text)
    root, missing = expand(bare, sources)
    parts, invalid = read(root)
    known = [*odd, *missing]
    known += [finding for finding in invalid if finding.is_about_key or _is_news(finding, known)]
    known += [finding for finding in rule_findings(parts, root) if _is_news(finding, known)]
    told = problems(file, root, known)
    if parts.document is None or any(problem.severity is Severity.PROBLEM for problem in told):
        raise ConfigError(told)
    try:
        made = settings(parts.document, parts, root, sources)
        return replace(made, warnings=tuple(map(str, told)))
    except Wrong as wrong:
        raise ConfigUnreadable(str(wrong)) from None


def _is_news(finding: Finding, known: list[Finding]) -> bool:
    """A value that is known to be wrong, or stands inside of one, is not judged again."""
    wrong = {one.loc for one in known if not one.is_about_key}
    return not any(finding.loc[:depth] in wrong for depth in range(len(finding.loc) + 1))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigUnreadable(f"{path}: cannot be read: {error.strerror}") from None


def _text(content: bytes) -> str:
    if len(content) > _MOST_BYTES:
        raise BadText(Place(), "the file is larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise BadText(place, "a byte that is no UTF-8: save the file as UTF-8") from None
