"""How a client's credentials stand with its authorization server, as all its grants saw it together.

Some servers lock an account after five refused attempts, so what one grant learns counts for all (design
section 5):

- Credentials are known to be accepted for `KNOWN_FOR_S` after a grant got a token with them; else one attempt
  goes out at a time, for a secret may have been replaced at the server overnight.
- The pause after a refusal holds for all grants. Who was refused lets the others go first when it is over
  (`BEHIND_S`), since the refusal may have been a matter of that grant alone.
- It was one if another grant gets a token with the same credentials: from then on refusals of that grant
  count for itself only. It gets one more attempt at once, for the server may have been repaired meanwhile.
- A refusal right after another grant was accepted is taken for such a matter too, and casts doubt: the next
  attempt goes alone.
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
"""A grant that waits for the end of a pause looks every second."""

NO_REST: Final = Rest()

Who = Hashable
"""A grant."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one client's credentials.

    Attributes:
        rest: the pause that holds for all grants.
        accepted_by: who got a token last.
        refused: who was refused since somebody got a token, the last one last.
        at_fault: who was refused for reasons of its own.
        pardoned: who may ask once, whatever its own pause is.
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
        """Give the standing after `who` got a token."""
        others = frozenset(self.refused) - {who}
        # Who was refused and is accepted now shows that the server was repaired, and nothing of the others.
        proved = frozenset() if who in self.refused else others
        return Standing(
            accepted_at_s=now_s,
            accepted_by=who,
            at_fault=(self.at_fault | proved) - {who},
            pardoned=(self.pardoned | others) - {who},
        )

    def after_refusal(self, who: Who, failed: Failed, now_s: float, jitter: float) -> Standing:
        """Give the standing after `who` was refused for its credentials; `jitter` is in [0, 1)."""
        pardoned = self.pardoned - {who}
        if who in self.at_fault or self.refused[-1:] == (who,):
            return replace(self, pardoned=pardoned)  # nothing new: its own pause grows
        if self.is_known(now_s) and self.accepted_by != who:
            return replace(self, at_fault=self.at_fault | {who}, pardoned=pardoned, accepted_at_s=-inf)
        return Standing(
            rest=self.rest.after(failed, now_s, jitter),
            refused=(*(one for one in self.refused if one != who), who),
            at_fault=self.at_fault,
        )


def refuses_client(failed: Failed) -> bool:
    """Whether a failure blames what the client proved itself with, and so counts for all its grants.

    ``invalid_grant`` does it where an assertion is the grant itself (RFC 7521 section 4.1.1), and at servers
    that mean a wrong secret by it.
    """
    return blames_secret(failed.status, failed) or (
        failed.kind is FailureKind.REFUSED and failed.code == "invalid_grant"
    )


def is_everybodys(failed: Failed) -> bool:
    """Whether a failure is one of the server, the way to it or our files: other grants would meet it too."""
    return failed.kind in {FailureKind.UNREACHABLE, FailureKind.SLOW, FailureKind.UNSENT}


def is_about_request(failed: Failed) -> bool:
    """Whether it may be about one grant all the same: a server can answer 500 because of what it asks for."""
    return is_everybodys(failed) and failed.status > 0
