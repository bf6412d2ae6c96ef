"""Numbers on a command line."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Return the number that a text is, if that is at least 1.

    Raises:
        ArgumentTypeError: it is below.
        ValueError: it is no number.

    """
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value
