"""The text of a configuration, and digests of it and of the files that it names: before anything is judged.

A running gateway compares these digests where `reload: watch` asks for that, and loads no reader of YAML for
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.core.config_place import ConfigPlace, ConfigVariable
from gateway.core.settings.sizes import MIB
from gateway.system.regular_file import read_regular
from gateway.system.text_file import text_digest

MOST_BYTES: Final = 16 * MIB
_STDIN: Final = Path("/dev/stdin")
_DESCRIPTORS: Final = (Path("/dev/fd"), Path("/proc/self/fd"))


def config_bytes(path: ConfigPlace, environ: Mapping[str, str]) -> bytes:
    """Read the text of a configuration; of one that is too long, one byte more than `MOST_BYTES` may come.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(path, ConfigVariable):
        return os.fsencode(environ.get(path.name, ""))
    if is_inherited(path):
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    return read_regular(path, MOST_BYTES)[0]


def is_inherited(path: Path) -> bool:
    """Return whether this is a pipe that was handed to us: ``-c /dev/stdin``, ``-c <(...)``."""
    return (path == _STDIN or path.parent in _DESCRIPTORS) and path.is_fifo()


def own_contents(path: ConfigPlace, digest: str) -> dict[str, str]:
    """Return the part of `Loaded.contents` that is the file itself; none if the text is read only once."""
    return {} if isinstance(path, ConfigVariable) or is_inherited(path) else {str(path): digest}


def contents_now(path: ConfigPlace, files: Iterable[str]) -> dict[str, str]:
    """Return the present digests of a configuration and the `files` in it, as `Loaded.contents` has them."""
    own = own_contents(path, "")
    with suppress(OSError):
        own = {name: sha256(config_bytes(path, {})).hexdigest() for name in own}
    return {**{file: text_digest(Path(file)) for file in files}, **own}
