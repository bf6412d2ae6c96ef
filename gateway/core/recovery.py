"""What to do with an answer that says the token was refused.

Rules (design, "401 from the upstream"): replay once, with another token; never for a token that was
obtained for this very request, never while a recovery of the route failed a moment ago, never where
the challenge asks for something that a new token cannot give. An upstream that wants its nonce in a proof
(RFC 9449 section 9) has not refused the token: `core.dpop` knows it, and this is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.core.record import Recovery

HOLD_S: Final = 30.0  # after a recovery that failed, a route's refusals cost nothing extra for so long


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is known when an upstream's answer has a status of ``recover_on``.

    Attributes:
        wants_new_token: as `core.challenge` reads the challenges.
        token_is_new: it was obtained for this very request, or this is the replay.
        is_held: a recovery of this route failed less than `HOLD_S` ago.
        is_replayable: the whole body, as far as it was sent, is still at hand.
    """

    wants_new_token: bool
    token_is_new: bool
    is_held: bool
    is_replayable: bool


def decide(refusal: Refusal) -> Recovery:
    """Give `Recovery.RECOVERED` for "try it", else the reason why the answer passes unchanged.

    For `Recovery.NOT_REPLAYABLE` the token is to be replaced all the same, for the requests to come.
    """
    if not refusal.wants_new_token:
        return Recovery.OTHER_CHALLENGE
    if refusal.is_held:
        return Recovery.HELD
    if refusal.token_is_new:
        return Recovery.NEW_TOKEN_REJECTED
    return Recovery.RECOVERED if refusal.is_replayable else Recovery.NOT_REPLAYABLE


def may_send_again(method: str, *, was_sent: bool) -> bool:
    """Tell whether a request may be sent anew after a pooled connection died (RFC 9110 section 9.2.2)."""
    return not was_sent or method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
