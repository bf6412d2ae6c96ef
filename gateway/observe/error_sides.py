"""The codes of our errors, and whose fault each is, read from the tree in `gateway.core.errors`."""

from __future__ import annotations

from gateway.core.errors import GatewayError


def sides_by_code(error: type[GatewayError] = GatewayError) -> dict[str, str]:
    """Return the side that each code blames, of an error class and all below it.

    A side is written as a label: ``caller``, ``authorization_server``, ``upstream``, ``gateway``.
    """
    sides = {error.code: error.side.name.lower()} if "code" in vars(error) else {}
    for below in error.__subclasses__():
        sides |= sides_by_code(below)
    return sides
