"""Text of others in our records: no byte of it may end a line, move a cursor or hide what stands there."""

from __future__ import annotations


def escaped(text: str) -> str:
    r"""Give the text fit for one line of a terminal: a line feed becomes ``\n``.

    What `str.isprintable` does not call printable is escaped: control, format and surrogate characters,
    and separators other than the space.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
