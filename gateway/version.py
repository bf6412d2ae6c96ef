"""What `gateway --version` says: the release, and what runs it."""

from __future__ import annotations

import platform
from importlib.machinery import ExtensionFileLoader

from gateway import __version__
from gateway.core.http import request_head


def is_compiled() -> bool:
    """Return whether the hot modules are compiled; one is checked, since all are or none."""
    return isinstance(request_head.__loader__, ExtensionFileLoader)


def version() -> str:
    """Return, for instance, ``0.1.0 (compiled, CPython 3.11.2)``."""
    kind = "compiled" if is_compiled() else "pure Python"
    return f"{__version__} ({kind}, {platform.python_implementation()} {platform.python_version()})"
