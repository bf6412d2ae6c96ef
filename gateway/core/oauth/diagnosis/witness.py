"""What the doctor asks about the requests of one client, whatever kind they are.

The doctor shows requests and responses, and masks what a witness calls hidden; all else that depends on the
kind of a grant, the witness tells. A witness is made for one report and holds no secret itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gateway.core.oauth.diagnosis.deviations import Deviation
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed
from gateway.core.secret import Secret


class Witness(Protocol):
    """Tells what was sent, what of it may be shown, and what is odd about the responses."""

    def sent(self, attempt: TokenAttempt) -> Iterator[tuple[str, str]]:
        """Yield what the request had, by name: header fields, then the fields of its query and body.

        Every value that is a secret, or may be one, is `secret.MASK`.
        """

    def hidden(self, asked: Asked) -> Iterator[Secret]:
        """Yield every text that must not be shown of what went out and what came back.

        Credentials as they are stored, as they were sent and as a server may echo them; tokens and all else
        in a response that gives access.
        """

    def oddities(self) -> Iterator[str]:
        """Yield what looks wrong with the stored secrets."""

    def deviations(self, answer: ServerAnswer) -> tuple[Deviation, ...]:
        """Return what is odd about the last response, the most serious first.

        In `answer` the values of header fields are masked already.
        """

    def advice(self, failed: Failed, answer: ServerAnswer | None, *, has_tried: bool) -> str:
        """Return what to change, or an empty text.

        `answer` is the last one, if there was any; `has_tried` says that other settings were tried in vain.
        """
