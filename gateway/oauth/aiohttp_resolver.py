"""The process's resolver behind aiohttp's interface, for the names of authorization servers."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.core.text.server_url import is_address
from gateway.net.resolver import Name, Resolver


class Addresses(AbstractResolver):
    """Hands aiohttp the addresses in the order in which to try them; keeps none of them."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def name(self, host: str) -> Name | None:
        """Return what is known of a host, or None if it is an address."""
        return None if is_address(host) else self._resolver.name(host)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature; any is wanted
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

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
        """Do nothing: the resolver belongs to the process."""
