"""Whether the hot modules of a wheel are compiled, and how.

``GATEWAY_COMPILE`` decides: ``auto``, which is the default, compiles where that can be done; ``yes`` fails
where it cannot; ``no`` does not try. mypyc makes one library of all hot modules (`deploy.hot`), and for each
of them a small extension that leads there.

`python -m deploy.compiling` says what stands in the way, and exits with 1 if anything does.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy import hot

if TYPE_CHECKING:  # setuptools adds packages of its own to the path
    from setuptools import Extension

VARIABLE: Final = "GATEWAY_COMPILE"
HEADERS: Final = sysconfig.get_path("include")
LIBRARY: Final = "gateway._compiled"  # mypyc appends `__mypyc`
_FOLDER: Final = "build/mypyc"
# What happens to be installed must not decide what the code becomes: to what is compiled, whatever is neither
# of this package nor of the standard library may have any type. Types are checked by `make lint`.
_MYPY: Final = (
    "--config-file=",
    f"--cache-dir={os.devnull}",
    "--no-site-packages",
    "--ignore-missing-imports",
    "--follow-imports=silent",
)


class Wish(Enum):
    """What the one who builds wants."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


def wish(environ: Mapping[str, str]) -> Wish:
    """Read the variable.

    Raises:
        SystemExit: it holds another word.
    """
    text = environ.get(VARIABLE) or Wish.AUTO.value
    try:
        return Wish(text)
    except ValueError:
        raise SystemExit(f"{VARIABLE}={text}: write auto, yes or no") from None


def obstacle(environ: Mapping[str, str], headers: str) -> str | None:
    """Say what keeps a machine from compiling, if anything does; mypy is brought by the build itself."""
    if sys.implementation.name != "cpython":
        return f"mypyc does not compile for {sys.implementation.name}"
    compiler = shlex.split(environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(headers, "Python.h").is_file():
        return f"the headers of this Python are not installed ({headers})"
    return None


def lack() -> str | None:
    """Say what is missing for compiling, here and now, if anything is."""
    missing = obstacle(os.environ, HEADERS)
    return missing or (None if importlib.util.find_spec("mypyc") else "mypy is not installed")


def requirements(environ: Mapping[str, str]) -> list[str]:
    """Return what a build needs to compile, where it is going to."""
    wanted = wish(environ)
    if wanted is Wish.NO or (wanted is Wish.AUTO and obstacle(environ, HEADERS)):
        return []
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    return list(project["dependency-groups"]["compile"])


def extensions() -> list[Extension]:
    """Translate the hot modules to C, and return what is to be made of that.

    Raises:
        SystemExit: mypyc refuses a module; it has said why.
    """
    from mypyc.build import mypycify  # noqa: PLC0415 - only a build that compiles has it

    shutil.rmtree(_FOLDER, ignore_errors=True)
    made = mypycify([*_MYPY, *hot.files()], group_name=LIBRARY, target_dir=_FOLDER, debug_level="0")
    for extension in made:  # mypyc's flags make errors of warnings, of which each compiler has its own
        extension.extra_compile_args = [*extension.extra_compile_args, "-Wno-error"]
    return made


if __name__ == "__main__":
    sys.exit(lack())
