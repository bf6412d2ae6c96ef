"""The commands that ask something of a running gateway: healthy, reload."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.configuration import config_option
from gateway.cli.terminal import end, fail, say
from gateway.core.config_place import ConfigPlace

if TYPE_CHECKING:
    from gateway.cli.admin_client import Place

_WAIT_S: Final = 120.0
_PAUSE_S: Final = 0.05

_PURPOSE: Final = "its key `admin` says where to ask"


@click.command()
@click.option(
    "--ready", is_flag=True, help="Ask whether it is ready for requests, not only whether it lives."
)
@config_option(_PURPOSE)
def healthy(ready: bool, config: ConfigPlace) -> None:
    """Ask whether the gateway runs and is well.

    Exits with 0 if it is, else with 1 and the reason. For health checks of containers: it starts fast, and
    does not mind mistakes in the rest of the file.
    """
    from gateway.cli.admin_client import AdminUnreachable, admin_place, ask

    try:
        place = admin_place(config, os.environ)
        answer = ask(place, "/readyz" if ready else "/healthz")
    except AdminUnreachable as error:
        fail(str(error))
    if answer.status != 200:
        fail(f"{place}: {_not_ready(answer.content) if ready else _not_well(answer.content)}")
    say("ready" if ready else "alive")


def _not_well(page: dict[str, Any]) -> str:
    stale = page.get("stale")
    return f"it no longer looks after {', '.join(map(str, stale))}" if stale else "it is not well"


def _not_ready(page: dict[str, Any]) -> str:
    if page.get("draining"):
        return "not ready: it is stopping"
    if page.get("starting"):
        return "not ready: no worker accepts callers"
    missing = [
        f"{one.get('client')} ({one.get('error') or 'its first request is under way'})"
        for one in page.get("missing", ())
        if one.get("required", True)
    ]
    return "not ready: no token yet for " + ", ".join(missing)


@click.command("reload")
@config_option(_PURPOSE)
def reload_(config: ConfigPlace) -> None:
    """Have the running gateway read its configuration anew, and report how that went.

    Sends SIGHUP to the gateway whose admin listener the configuration names, and waits until the reload is
    over. Exits with 0 if the new configuration is in use. Otherwise the one of before stays in use, and the
    exit status and the problems are those of `gateway check`.

    A configuration from the environment stays as it was at the start: only the files that it refers to are
    read again.
    """
    from gateway.cli.admin_client import AdminUnreachable, admin_place

    try:
        place = admin_place(config, os.environ)
        shown = _reloaded(place)
    except AdminUnreachable as error:
        fail(str(error))
    last = shown["last_reload"]
    lines = (*last.get("warnings", ()), *last.get("problems", ()))
    if last.get("is_successful"):
        for line in lines:
            click.echo(line, err=True)
        say(f"{config}: reloaded")
        return
    end(
        int(last.get("exit_status") or 1),
        *lines,
        f"{config}: not reloaded: the configuration of before stays in use",
    )


def _reloaded(place: Place) -> dict[str, Any]:
    """Cause a reload, and return what ``/config`` shows once it is over."""
    import signal
    import time

    from gateway.cli.admin_client import AdminUnreachable

    before = _config(place)
    pid, asked = before["pid"], before["reloads_asked"]
    _refuse_other_process(place, pid, before.get("started_ticks"))
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        words = f"this user may not signal the gateway (process {pid}): run this as its user, or as root"
        raise AdminUnreachable(words) from None
    except ProcessLookupError:
        raise AdminUnreachable(f"the gateway (process {pid}) has ended") from None
    ends_at_s = time.monotonic() + _WAIT_S
    while time.monotonic() < ends_at_s:
        time.sleep(_PAUSE_S)
        now = _config(place)
        # A reload that somebody else asked for meanwhile will do: it reads the same file, and as late.
        if now["reloads_asked"] > asked and not now["is_reloading"]:
            return now
    raise AdminUnreachable(f"{place}: the reload was not over within {_WAIT_S:g} s; /config shows its result")


def _config(place: Place) -> dict[str, Any]:
    from gateway.cli.admin_client import AdminUnreachable, ask

    answer = ask(place, "/config")
    page = answer.content
    has_all = {"pid", "reloads_asked", "is_reloading", "last_reload"} <= page.keys()
    if answer.status != 200 or not has_all or not isinstance(page["pid"], int) or page["pid"] <= 0:
        raise AdminUnreachable(f"{place}: what listens there is no gateway of this version: restart it")
    return page


def _refuse_other_process(place: Place, pid: int, ticks: object) -> None:
    """Never signal a process that only has the same number, as in another container."""
    from gateway.cli.admin_client import AdminUnreachable
    from gateway.system.process_identity import started_ticks

    if started_ticks(pid) != ticks:
        raise AdminUnreachable(
            f"{place}: the gateway there (process {pid}) is not a process of this machine or container: "
            "run this where the gateway runs"
        )
