"""The commands: run, check, reload, healthy, token, explain, key, schema, demo.

Exit status: 0 done; 1 it could not be done (a port taken, a file unreadable, no token); 2 the configuration
or the command line is wrong. Messages for people go to stderr, results to stdout.

Imports stand inside the commands, and a command itself is imported once it is called (`called`): a gateway
that runs needs little of what the others need, and would pay for it with idle memory; a health check, with
the time of its start. Nor does a gateway that runs need click, if its command line is one that can be read
without (`plain_run`): that saves another 1 to 2 MiB.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gateway.cli.plain_run import plain_run
from gateway.core.config_place import ConfigPlace


def main(args: Sequence[str] | None = None) -> None:
    """Run what the command line says."""
    words = sys.argv[1:] if args is None else args
    if (config := plain_run(words, os.environ)) is not None:
        _run(config)
        return
    from gateway.cli.commands import main as by_click

    by_click(list(words))


def _run(config: ConfigPlace) -> None:
    from gateway.cli.serve import serve
    from gateway.cli.standard_descriptors import fill_standard_descriptors
    from gateway.cli.terminal import end, write_what_the_terminal_knows

    fill_standard_descriptors()
    write_what_the_terminal_knows()
    try:
        serve(config)
    except KeyboardInterrupt:
        end(1, "", "Aborted!")  # what click says
