"""What ``gateway run`` does, once it is known where the configuration is; click is not loaded."""
# ruff: noqa: PLC0415 - as `gateway.cli` says

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.cli.refusals import cannot_start, refuse_unknown_aiohttp
from gateway.cli.terminal import end
from gateway.core.config_place import TEXT, ConfigPlace
from gateway.system.early_signals import EarlySignals
from gateway.system.first_process import take_the_place_of_init

if TYPE_CHECKING:
    from gateway.core.settings.all_settings import Settings


def serve(config: ConfigPlace) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads the configuration."""
    take_the_place_of_init()
    early = EarlySignals()
    from gateway.config_process.asking import ConfigReader
    from gateway.config_text import contents_now
    from gateway.system.hardening import forget_variables, keep_memory_private

    keep_memory_private()
    own_text = frozenset(filter(None, [os.environ.get(TEXT)]))
    # A reload fills in what the process itself forgets below.
    reader = ConfigReader(config, dict(os.environ))
    with reader.begin() as begun:  # while the rest is loaded
        refuse_unknown_aiohttp()
        from gateway import server
        from gateway.observe.faults import tell_of_what_nobody_catches
        from gateway.observe.line_stream import never_wait_for_readers
        from gateway.observe.log import set_up_logging, tell, warn

        first = begun.reading()
    workers = _workers(first.settings)
    if workers == 1:  # otherwise this process has no thread, and each that it forks has one of its own
        never_wait_for_readers("stderr")
    if first.settings is None:
        end(first.status, *first.problems)
    settings = first.settings
    set_up_logging(settings.log.level, settings.log.format, sys.stderr)
    tell_of_what_nobody_catches()
    if os.environ.get("SSLKEYLOGFILE"):
        warn("SSLKEYLOGFILE is set: the keys of all TLS connections are written to the file that it names")

    def forget(settings: Settings) -> None:
        forget_variables(settings.referenced | own_text)

    def use(settings: Settings) -> None:
        set_up_logging(settings.log.level, settings.log.format, sys.stderr)
        forget(settings)

    def listens(line: str) -> None:
        tell(f"gateway {__version__}: {line}")
        early.pass_on()

    forget(settings)
    hooks = server.Hooks(
        told=listens,
        read=reader.again,
        present=lambda files: contents_now(config, files),
        use=use,
    )
    if workers > 1:
        from gateway.crew.run import run as run_crew

        raise SystemExit(run_crew(first, hooks, workers, lambda error: cannot_start(config, error)))
    try:
        server.run(first, hooks)
    except OSError as error:  # which ssl.SSLError is, too
        cannot_start(config, error)


def _workers(settings: Settings | None) -> int:
    """Return how many workers there are to be."""
    if settings is None or settings.workers == 1:
        return 1
    from gateway.crew.cgroup import automatic_workers

    return settings.workers or automatic_workers()
