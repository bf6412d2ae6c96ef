"""Units of sizes."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024


MIB: Final = 1024 * KIB
