"""A text that cannot leak by accident.

``reveal()`` is the only way to read it; ``repr``, ``str`` and ``format`` show nothing, and pickle refuses it.
"""

from __future__ import annotations

from typing import Final, NoReturn

MASK: Final = "••••"


class Secret:
    """A secret text: a client secret, a token, a password."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text itself; use it at once and keep it nowhere."""
        return self.__text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__text == other.reveal()

    def __hash__(self) -> int:
        return hash(self.__text)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled or copied")
