"""What build tools call (PEP 517): setuptools, and before it the choice between the two kinds of wheel.

All or nothing: what cannot be compiled as a whole is built again without, and the build says so in one line.
The other hooks are setuptools' own. An editable installation is never compiled, so that the sources that are
edited are the ones that run.
"""

from __future__ import annotations

import os
import shlex
import sys
from textwrap import shorten
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

from deploy import compiling, hot
from deploy.compiling import VARIABLE, Wish

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings = dict[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Ask for the compiler only where it is going to be used."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *compiling.requirements(os.environ)]


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build the compiled wheel, or the pure one where that cannot be done or is not wanted."""
    wish = compiling.wish(os.environ)
    reason = compiling.lack() if wish is not Wish.NO else f"{VARIABLE}=no"
    if reason is None:
        try:
            name = build_meta.build_wheel(wheel_directory, _compiled(config_settings), metadata_directory)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it was, the pure wheel needs none of it
            reason = f"compiling failed: {_said(error)}"
        else:
            _say(f"compiled wheel, {len(hot.modules())} modules")
            return name
    if wish is Wish.YES:
        raise SystemExit(f"oauth-gateway: no wheel: {VARIABLE}=yes, but {reason}")
    _say(f"pure Python wheel: {reason}")
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def _compiled(settings: Settings) -> dict[str, Any]:
    """Have `deploy.wheel.Wheel` compile."""
    given = (settings or {}).get("--build-option", [])
    options = shlex.split(given) if isinstance(given, str) else given
    return {**(settings or {}), "--build-option": [*options, "--compiled"]}


def _said(error: BaseException) -> str:
    if error.args == (1,):
        return "mypyc refuses a module, see above"
    return shorten(str(error).removeprefix("error: "), 200, placeholder=" ...")


def _say(text: str) -> None:
    sys.stdout.write(f"oauth-gateway: {text}\n")
    sys.stdout.flush()
