"""A forward proxy on the way to an upstream."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.secret import Secret


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """Where to connect instead of to the upstream itself.

    Attributes:
        host: name or address, without brackets.
        credentials: ``user:password`` for it (RFC 7617), or None.
    """

    host: str
    port: int
    credentials: Secret | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
