"""The gateway compiled by mypyc: its wheel is built once for each state of the sources.

Built from a copy, so that no shared library comes to lie beside a source which is still edited: Python would
load it in the place of the source. Installed into a folder of its own, without its requirements: the
interpreter and the libraries are the benchmark's, so that nothing but the gateway differs.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from bench.note import note
from bench.processes import ROOT

RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from gateway.cli import main; main()"
"""A program for `python -P -c`: its first argument is the folder to take the gateway from."""
BUILDS = ROOT / "bench" / ".compiled"
_KEPT_BUILDS = 4
_BUILD_WITHIN_S = 900
_SOURCES = ("gateway/**/*.py", "deploy/*.py", "pyproject.toml", "setup.py", "setup.cfg")
_IGNORED = (
    ".*",
    "node_modules",
    "build",
    "dist",
    "tests",
    "bench",
    "docs",
    "*.so",
    "*.egg-info",
    "__pycache__",
)


class NotCompiledError(Exception):
    """There is no compiled gateway; the message says why."""


def folder(checkout: pathlib.Path) -> pathlib.Path:
    """Return where the compiled gateway of a checkout is, building it if it is not yet there.

    Raises:
        NotCompiledError: it could not be built, or what was built is not compiled.

    """
    place = BUILDS / _key(checkout)
    if not place.is_dir():
        _build(checkout, place)
    _touch(place, time.time())
    if not is_compiled(place):
        raise NotCompiledError(f"what was built says of itself: {_version(place)}")
    return place


def is_compiled(place: pathlib.Path) -> bool:
    """Tell what the gateway in a folder says of itself.

    Raises:
        NotCompiledError: it does not start.

    """
    return "compiled" in _version(place)


def _key(checkout: pathlib.Path) -> str:
    """Return a name for the sources in their present state, and for the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for pattern in _SOURCES for path in checkout.glob(pattern)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(checkout)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _build(checkout: pathlib.Path, place: pathlib.Path) -> None:
    note(f"compiling {checkout}, once for this state of its sources: about a minute")
    BUILDS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILDS, prefix=".building-") as directory:
        copy, built = pathlib.Path(directory, "copy"), pathlib.Path(directory, "built")
        shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(*_IGNORED))
        _install(copy, built)
        built.rename(place)
    _forget_old_builds()


def _install(copy: pathlib.Path, built: pathlib.Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    options = ("--no-deps", "--no-build-isolation", "--target", str(built))
    try:
        subprocess.run(
            (*pip, "install", *options, str(copy)),
            check=True,
            capture_output=True,
            timeout=_BUILD_WITHIN_S,
            env={**os.environ, "GATEWAY_COMPILE": "yes"},  # a pure wheel would be no news
        )
    except subprocess.CalledProcessError as error:
        raise NotCompiledError(f"pip could not build it: {_tail(error.stderr)}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise NotCompiledError(f"pip could not build it: {error}") from error


def _tail(output: bytes) -> str:
    return "\n".join(output.decode(errors="replace").splitlines()[-15:])


def _touch(place: pathlib.Path, now_s: float) -> None:
    """Say when a build was last wanted, so that the oldest can be forgotten."""
    os.utime(place, (now_s, now_s))


def _forget_old_builds() -> None:
    builds = sorted((one for one in BUILDS.iterdir() if not one.name.startswith(".")), key=_wanted_at_ns)
    for old in builds[:-_KEPT_BUILDS]:
        shutil.rmtree(old, ignore_errors=True)


def _wanted_at_ns(path: pathlib.Path) -> int:
    return path.stat().st_mtime_ns


def _version(place: pathlib.Path) -> str:
    argv = (sys.executable, "-P", "-c", RUN, str(place), "--version")
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    except subprocess.CalledProcessError as error:
        raise NotCompiledError(f"what was built does not start: {error.stderr}") from error
