"""What the commands write: results to stdout, reasons to stderr, in characters that the terminal has."""
# ruff: noqa: PLC0415 - a gateway that runs does not load click

from __future__ import annotations

import codecs
import io
import sys
from typing import Final, NoReturn

_PLAIN: Final = {"\N{BULLET}": "*", "\N{HORIZONTAL ELLIPSIS}": "..."}


def say(text: str) -> None:
    """Write a result."""
    import click

    # To the stream itself: click takes an ASCII stream for UTF-8.
    click.echo(text, file=sys.stdout)


def end(status: int, *lines: str) -> NoReturn:
    """Exit with a reason, each line unchanged: editors parse lines that begin with file, line and column."""
    import click

    for line in lines:
        click.echo(line, file=sys.stderr)
    sys.exit(status)


def fail(message: str) -> NoReturn:
    """Exit with status 1 and a reason."""
    end(1, f"gateway: {message}")


def write_what_the_terminal_knows() -> None:
    """Replace characters that the output's encoding lacks, instead of failing on them."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char, "?") for char in lacking), error.end
