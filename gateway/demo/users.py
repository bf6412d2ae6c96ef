"""The data of the legacy service: its users, and the clients they use."""

from __future__ import annotations

from typing import Final

CLIENTS_BY_USER: Final = {
    "ada": ("mobile_android", "web_shop"),
    "bela": ("mobile_android",),
    "chidi": ("mobile_ios", "web_shop"),
    "dunja": ("mobile_android", "mobile_ios"),
    "emre": ("partner",),
    "fatou": ("mobile_android", "partner"),
    "gustav": ("web_shop",),
    "hana": ("mobile_android", "web_shop", "partner"),
}


def users_through(client: str) -> int:
    """Count the users who reach the API through a client."""
    return sum(client in clients for clients in CLIENTS_BY_USER.values())
