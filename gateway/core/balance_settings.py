"""How a group of upstream addresses shares requests out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Balance(Enum):
    """How the address of a request is chosen (`core.upstreams.balance`)."""

    WARM = "warm"
    ROUND_ROBIN = "round_robin"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class BalanceSettings:
    """The key ``balance``.

    Attributes:
        header: the field whose value decides, for `Balance.HASH` only.
    """

    kind: Balance = Balance.WARM
    header: str = ""


WARM: Final = BalanceSettings()
