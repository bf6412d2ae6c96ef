"""Where the configuration is: in a file, or in an environment variable that holds its text.

Rules, of which the first that applies decides:

- ``-c FILE`` names the file.
- ``--env-config`` takes the text of ``GATEWAY_CONFIG``, or nothing.
- ``GATEWAY_CONFIG`` holds the text; ``GATEWAY_CONFIG_FILE`` names the file. An empty variable is none, as
  compose and charts write what is not set.
- ``gateway.yaml`` in the present directory.

What a variable holds may be a secret: no message shows it, and a text is never taken for the name of a file.
A health check imports this: nothing here takes long to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

TEXT: Final = "GATEWAY_CONFIG"
FILE: Final = "GATEWAY_CONFIG_FILE"
DEFAULT: Final = "gateway.yaml"


class ConfigVariable(NamedTuple):
    """The environment variable that holds the text of a configuration."""

    name: str = TEXT

    def __str__(self) -> str:
        return self.name


ConfigPlace = Path | ConfigVariable


class NoConfigPlace(ValueError):
    """It cannot be told where the configuration is; the message says why."""


def config_place(file: str | None, is_in_environment: bool, environ: Mapping[str, str]) -> ConfigPlace:
    """Return where the configuration is.

    Args:
        file: of ``-c``; None without it.
        is_in_environment: whether ``--env-config`` was given.
        environ: the environment.

    Raises:
        NoConfigPlace: the options exclude each other, or a variable is missing or holds something else.
    """
    if file is not None and is_in_environment:
        raise NoConfigPlace(f"-c names a file, and --env-config means the variable {TEXT}: give one of them")
    if file is not None:
        return Path(file)
    if is_in_environment and not environ.get(TEXT):
        state = "empty" if TEXT in environ else "not set"
        raise NoConfigPlace(
            f"--env-config: the environment variable {TEXT} is {state}: it holds the YAML text"
        )
    if environ.get(TEXT):
        return ConfigVariable()
    named = environ.get(FILE) or DEFAULT
    if "\n" in named:
        raise NoConfigPlace(f"{FILE} holds more than one line: it names a file, and text belongs in {TEXT}")
    return Path(named)


def is_name_of_file(text: str) -> bool:
    """Whether what should be a configuration is the name of its file."""
    line = text.strip()
    return "\n" not in line and ": " not in line and line.endswith((".yaml", ".yml", ".json"))
