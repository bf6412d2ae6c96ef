"""On what machine, with which versions, a run was made."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess

from bench.programs import Programs

_LIBRARIES = ("oauth-gateway", "aiohttp", "uvloop", "httptools")
_VERSION_OPTIONS = {"envoy": "--version", "nginx": "-v", "haproxy": "-v", "wrk": "-v"}


def machine() -> dict[str, object]:
    """Return the processor, its cores and the kernel."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": os.getloadavg()[0],
    }


def versions(programs: Programs) -> dict[str, str]:
    """Return the versions of Python, of its libraries and of the programs that are there."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "not installed"
    for name, option in _VERSION_OPTIONS.items():
        if program := getattr(programs, name):
            found[name] = _program_version(program, option)
    return found


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _program_version(program: str, option: str) -> str:
    # wrk ends with status 1 when asked for its version, nginx answers on standard error.
    said = subprocess.run((program, option), check=False, capture_output=True, text=True, timeout=30)
    # Envoy begins with its own path, in which there is a version of Python.
    found = re.search(r"\d+\.\d+(\.\d+)?", (said.stdout + said.stderr).replace(program, ""))
    return found.group() if found else "unknown"
