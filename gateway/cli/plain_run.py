"""The plain ways to write ``gateway run``, read without click.

Only what click reads in the same way, and accepts, is read here. All else is left to it, whatever is wrong
with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.core.config_place import ConfigPlace, NoConfigPlace, config_place


def plain_run(words: Sequence[str], environ: Mapping[str, str]) -> ConfigPlace | None:
    """Return where the configuration is if the words behind ``gateway`` are a plain ``run``; else None."""
    match [*words]:
        case ["run"]:
            file, is_in_environment = None, False
        case ["run", "--env-config"]:
            file, is_in_environment = None, True
        case ["run", "-c" | "--config", str(file)] if file and not file.startswith("-"):
            is_in_environment = False
        case _:
            return None
    try:
        return config_place(file, is_in_environment, environ)
    except NoConfigPlace:
        return None
