"""The addresses where callers come in."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.settings.client_settings import (
    ClientTrust,
    TlsFiles,
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on: ``host`` and ``port`` (0: any free port), or the ``path`` of a unix socket."""

    host: str = ""
    port: int = 0
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SocketAccess:
    """Who may connect to a unix socket.

    Attributes:
        mode: the permissions of its file; None: what the umask leaves.
        group: the name or number of its group; None: that of the process.
    """

    mode: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """A listening socket.

    Attributes:
        place: where its address is in the file, as ``3:5: listen[1]``.
        access: who may connect, if it is a unix socket.
        client_trust: whose certificates callers may present; None: they are not asked for any.
    """

    address: Address
    tls: TlsFiles | None = None
    place: str = field(default="listen", compare=False)
    access: SocketAccess = SocketAccess()
    client_trust: ClientTrust | None = None
