"""Names of authorization servers: the process's resolver, as aiohttp wants one."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.core.server_url import is_address
from gateway.net.resolver import Name, Resolver


class Addresses(AbstractResolver):
    """Gives aiohttp addresses in the order in which they are to be tried; it keeps none of them."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def name(self, host: str) -> Name | None:
        """Give what is known of a host; None for an address."""
        return None if is_address(host) else self._resolver.name(host)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature; any is wanted
    ) -> list[ResolveResult]:
        """Give the addresses of a name.

        Raises:
            OSError: there are none.
        """
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._resolver.name(host).find()
        ]

    async def close(self) -> None:
        """Nothing to do: it belongs to the process."""
