"""Whether the files by which callers are verified can be used now: API keys, users, keys of an issuer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec

from gateway.config.problems import plural
from gateway.core.access.api_keys import BadKeys, read_keys
from gateway.core.access.htpasswd import LIBRARIES, BadUsers, flaws_of, read_users
from gateway.core.access.key_set_text import flaw_in_key_set

Flaw = tuple[str, bool]
"""What is wrong, and whether it is only a warning."""


def api_keys(path: str, text: str, at: datetime) -> Iterator[Flaw]:
    """Check a file of API keys."""
    try:
        keys = read_keys(text)
    except BadKeys as bad:
        yield f"{path} {bad}", False
        return
    expired = sum(key.expires_at_s <= at.timestamp() for key in keys.values())
    if not keys:
        yield f"{path} holds no key: no caller can be known by it", True
    elif expired:
        yield f"{expired} of the {plural(len(keys), 'key')} in {path} expired", True


def users(path: str, text: str, at: datetime) -> Iterator[Flaw]:  # noqa: ARG001 - passwords do not expire
    """Check a file of users, and whether their passwords can be verified."""
    try:
        read = read_users(text)
    except BadUsers as bad:
        yield f"{path} {bad}", False
        return
    for words in flaws_of(read):
        yield f"{path} {words}", False
    for kind in read.kinds():
        if find_spec(kind.value) is None:
            library = LIBRARIES[kind]
            yield f"{path} needs {library}, which is not installed: pip install {library}", False
    if not read.by_name and not read.flaws:
        yield f"{path} holds no user: no caller can be known by it", True


def key_set(path: str, text: str, at: datetime) -> Iterator[Flaw]:  # noqa: ARG001 - keys have no end
    """Check a JSON Web Key Set, but not whether its keys are mathematically sound."""
    flaw = flaw_in_key_set(text)
    if flaw is not None:
        yield f"{path} {flaw}", False
