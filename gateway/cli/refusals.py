"""Why a command cannot start: an unknown release of aiohttp, an address or a file that cannot be used."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

from typing import NoReturn

from gateway.cli.terminal import end, fail
from gateway.core.config_place import ConfigPlace


def refuse_unknown_aiohttp() -> None:
    """Exit before anything of `proxy` is imported, which another release may not even allow."""
    from gateway.seam import refusal

    if complaint := refusal():
        fail(complaint)


def cannot_start(config: ConfigPlace, error: Exception) -> NoReturn:
    """Exit with why the gateway cannot start, at the key of the address if that is the reason."""
    from gateway.listening import CannotListen

    if isinstance(error, CannotListen) and error.place[0].isdigit():
        end(1, f"{config}:{error}")
    fail(f"cannot start: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return one line without a traceback, which names the address or the file."""
    named = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    return where + " ".join(named.split())
