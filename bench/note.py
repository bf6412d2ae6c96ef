"""Progress and complaints, on standard error; the table alone goes to standard output."""

from __future__ import annotations

import sys


def note(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()
