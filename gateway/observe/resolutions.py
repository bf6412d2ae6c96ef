"""Look-ups of names: failures are counted, changes are told once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from gateway.core.resolution import Finding, Known, LookUp

_LOGGER: Final = logging.getLogger("gateway.names")

OTHER: Final = "-"
"""Stands in metrics for names that the configuration does not hold: metadata of an issuer names them."""
FAILURES: Final = (LookUp.FAILED, LookUp.ABSENT)


class Resolutions:
    """A `ResolutionObserver` that counts and logs.

    Attributes:
        failures: by name and outcome.
    """

    def __init__(self) -> None:
        self.failures = {OTHER: dict.fromkeys(FAILURES, 0)}

    def expect(self, names: Iterable[str]) -> None:
        """Have a series for each of `names` from the start, at zero."""
        for name in names:
            self.failures.setdefault(name, dict.fromkeys(FAILURES, 0))

    def looked_up(self, name: str, finding: Finding, before: Known, after: Known) -> None:
        """Count a failure; tell what changed."""
        if finding.outcome is not LookUp.FOUND:
            counts = self.failures.get(name) or self.failures[OTHER]
            counts[finding.outcome] += 1
        fields = {"fields": {"name": name}}
        if before.addresses and not after.addresses:
            _LOGGER.warning("name %s: %s, its addresses are given up", name, after.trouble, extra=fields)
        elif after.trouble and after.trouble != before.trouble:
            kept = "what is known stays in use" if after.addresses else "it has no address"
            _LOGGER.warning("name %s: %s; %s", name, after.trouble, kept, extra=fields)
        elif before.trouble and not after.trouble:
            _LOGGER.info("name %s: it resolves again", name, extra=fields)
