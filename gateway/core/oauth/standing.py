"""Whether an authorization server accepts a client's credentials, as all its grants learned together.

Some servers lock an account after five refused attempts, so what one grant learns counts for all:

- Credentials count as accepted for `KNOWN_FOR_S` after a grant obtained a token with them. Otherwise one
  attempt is made at a time: the secret may have been replaced at the server overnight.
- The back-off after a refusal holds for all grants. When it ends, the grant that was refused lets the
  others go first (`BEHIND_S`), since the refusal may have been about that grant alone.
- If another grant then obtains a token with the same credentials, it was about that grant. From then on its
  refusals count for itself only. It gets one more attempt at once, since the server may have been repaired.
- A refusal shortly after another grant was accepted is taken to be about that grant too, but casts doubt: the
  next attempt is made alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import blames_secret
from gateway.core.oauth.token_outcome import Failed, FailureKind

KNOWN_FOR_S: Final = 60.0
BEHIND_S: Final = 1.5
"""A grant that waits for the end of a pause looks about once a second."""

NO_REST: Final = Rest()

Who = Hashable
"""A grant, as a key."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one client's credentials.

    Attributes:
        rest: the back-off that holds for all grants.
        accepted_by: the grant that obtained a token last.
        refused: grants that were refused since then, the latest last.
        at_fault: grants that were refused for reasons of their own.
        pardoned: grants that may ask once regardless of their own back-off.
    """

    rest: Rest = NO_REST
    accepted_at_s: float = -inf
    accepted_by: Who = None
    refused: tuple[Who, ...] = ()
    at_fault: frozenset[Who] = frozenset()
    pardoned: frozenset[Who] = frozenset()

    def is_known(self, now_s: float) -> bool:
        """Whether the credentials are accepted, so that all grants may ask at once."""
        return now_s - self.accepted_at_s < KNOWN_FOR_S

    def after_token(self, who: Who, now_s: float) -> Standing:
        """Return the standing after `who` obtained a token."""
        others = frozenset(self.refused) - {who}
        # A grant that was refused and is accepted now shows that the server was repaired, no more.
        proved = frozenset() if who in self.refused else others
        return Standing(
            accepted_at_s=now_s,
            accepted_by=who,
            at_fault=(self.at_fault | proved) - {who},
            pardoned=(self.pardoned | others) - {who},
        )

    def after_refusal(self, who: Who, failed: Failed, now_s: float, jitter: float) -> Standing:
        """Return the standing after `who` was refused for its credentials; `jitter` is in [0, 1)."""
        pardoned = self.pardoned - {who}
        if who in self.at_fault or self.refused[-1:] == (who,):
            return replace(self, pardoned=pardoned)  # nothing new: its own back-off grows
        if self.is_known(now_s) and self.accepted_by != who:
            return replace(self, at_fault=self.at_fault | {who}, pardoned=pardoned, accepted_at_s=-inf)
        return Standing(
            rest=self.rest.after(failed, now_s, jitter),
            refused=(*(one for one in self.refused if one != who), who),
            at_fault=self.at_fault,
        )


def refuses_client(failed: Failed) -> bool:
    """Whether a failure blames the client's credentials, and so counts for all its grants.

    ``invalid_grant`` does where an assertion is the grant itself (RFC 7521 section 4.1.1), and from servers
    that use it for a wrong secret.
    """
    return blames_secret(failed.status, failed) or (
        failed.kind is FailureKind.REFUSED and failed.code == "invalid_grant"
    )


def is_everybodys(failed: Failed) -> bool:
    """Whether the fault is the server, the way to it or our files, so that other grants would meet it too."""
    return failed.kind in {FailureKind.UNREACHABLE, FailureKind.SLOW, FailureKind.UNSENT}


def is_about_request(failed: Failed) -> bool:
    """Whether it may still be about one grant: a server can answer 500 because of what it was asked for."""
    return is_everybodys(failed) and failed.status > 0
