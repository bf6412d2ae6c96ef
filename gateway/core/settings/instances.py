"""An upstream that the credential names: the instance of a service that its authorization server chose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InstancePattern:
    """A server that a credential may name.

    Attributes:
        host: in lower case; ``*.example.com`` stands for any name below it.
        port: the one port.
    """

    host: str
    port: int = 443

    def admits(self, host: str, port: int) -> bool:
        """Whether a server fits; `host` is in lower case."""
        if port != self.port:
            return False
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host

    def __str__(self) -> str:
        return f"https://{self.host}" if self.port == 443 else f"https://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """Which part of the credential names the upstream, and which upstreams it may name.

    Attributes:
        is_host: the part is a host, with or without a port; else it is a URL.
    """

    part: str
    allowed: tuple[InstancePattern, ...]
    is_host: bool = False
