"""The secrets that a `NamedReader` reads, as values, so that they can be packed (`packing`)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.secret import Secret
from gateway.system.text_file import TextFile


@dataclass(frozen=True, slots=True)
class ConstantSecret:
    """A secret that never changes."""

    secret: Secret

    def __call__(self) -> Secret:
        """Return it."""
        return self.secret


@dataclass(frozen=True, slots=True)
class ComposedSecret:
    """A secret that is put together anew each time: of texts that stay, and of the present texts of files."""

    parts: tuple[Secret | TextFile, ...]

    def __call__(self) -> Secret:
        """Put it together."""
        texts = (part.reveal() if isinstance(part, Secret) else part.current() for part in self.parts)
        return Secret("".join(texts))
