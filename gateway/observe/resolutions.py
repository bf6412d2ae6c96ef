"""Look-ups of names: failures are counted, changes are logged once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from gateway.core.resolution import Finding, Known, LookUp

_LOGGER: Final = logging.getLogger("gateway.names")

OTHER: Final = "-"
"""In metrics, all names that the configuration does not hold: an issuer's metadata named them."""
FAILURES: Final = (LookUp.FAILED, LookUp.ABSENT)


class Resolutions:
    """A `ResolutionObserver` that counts and logs.

    Attributes:
        failures: by name and outcome.
    """

    def __init__(self) -> None:
        self.failures = {OTHER: dict.fromkeys(FAILURES, 0)}

    def expect(self, names: Iterable[str]) -> None:
        """Start a series for each of `names` at zero."""
        for name in names:
            self.failures.setdefault(name, dict.fromkeys(FAILURES, 0))

    def looked_up(self, name: str, finding: Finding, before: Known, after: Known) -> None:
        """Count a failure; log what changed."""
        if finding.outcome is not LookUp.FOUND:
            counts = self.failures.get(name) or self.failures[OTHER]
            counts[finding.outcome] += 1
        fields = {"fields": {"name": name}}
        if before.addresses and not after.addresses:
            _LOGGER.warning("name %s: %s, its addresses are given up", name, after.trouble, extra=fields)
        elif after.trouble and after.trouble != before.trouble:
            kept = "the known addresses stay in use" if after.addresses else "it has no address"
            _LOGGER.warning("name %s: %s; %s", name, after.trouble, kept, extra=fields)
        elif before.trouble and not after.trouble:
            _LOGGER.info("name %s: it resolves again", name, extra=fields)
