"""Other people's text in our records: nothing in it may end a line, move a cursor or hide anything."""

from __future__ import annotations


def escaped(text: str) -> str:
    r"""Return the text fit for one line of a terminal: a line feed becomes ``\n``.

    What `str.isprintable` does not call printable is escaped: control, format and surrogate characters,
    and separators other than the space.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
