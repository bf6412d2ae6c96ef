"""What happens under the hood, as it happens, in words.

Rules: one line per event; colour on a terminal only; fingerprints, never a token; text that a caller made is
escaped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import Final, TextIO

from gateway.core.client_settings import ClientName
from gateway.core.errors import AuthorizationServerError
from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Failed
from gateway.core.token import Token
from gateway.observe.text import escaped


class Colour(Enum):
    """Of a line, by what it tells (ECMA-48 select graphic rendition)."""

    GOOD = "\x1b[32m"
    BAD = "\x1b[31m"
    NOTE = "\x1b[36m"


_OFF: Final = "\x1b[0m"

_WHY: Final = {
    Reason.FIRST: "there is none yet",
    Reason.EARLY: "the one in use expires soon; callers go on with it meanwhile",
    Reason.EXPIRED: "the last one has expired; callers wait for this",
    Reason.REJECTED: "the upstream refused the last one; who had it refused waits for this",
    Reason.REPLACED: "the certificate that the one in use is bound to was replaced",
}

_RECOVERED: Final = {
    Recovery.NONE: "",
    Recovery.RECOVERED: "; its first token was refused, the request was replayed with this one",
    Recovery.REJECTED_AGAIN: "; replayed with this token, which was refused too: the answer passes",
    Recovery.NEW_TOKEN_REJECTED: "; refused, though obtained for this very request: the answer passes",
    Recovery.HELD: "; refused, and another token did not help here a moment ago: the answer passes",
    Recovery.NOT_REPLAYABLE: "; refused, and the body is too long to replay: the next gets a new token",
    Recovery.OTHER_CHALLENGE: "; refused for a reason that a new token does not cure: the answer passes",
    Recovery.TOKEN_LIVES: "; refused, but the upstream accepts this token elsewhere: the answer passes",
    Recovery.NO_TOKEN: "; refused, and no other token was to be had",
}


class Narrator:
    """A `RequestObserver` and `TokenObserver` that tells a person.

    Args:
        out: where to; coloured if it is a terminal.
        wall_s: seconds since 1970.
    """

    def __init__(self, out: TextIO, wall_s: Callable[[], float]) -> None:
        self._out = out
        self._wall_s = wall_s
        self._uses_by_token: dict[str, int] = {}

    def request_done(self, record: AccessRecord) -> None:
        """Tell what was answered, with which token, and how a recovery ended."""
        told = f"{record.method} {record.path} -> {record.status} in {record.total_s * 1000:.0f} ms"
        cause = f" ({record.error})" if record.error else ""
        colour = Colour.GOOD if record.status < 400 else Colour.BAD
        self._tell(colour, f"{told}{cause}{self._with_token(record)}{_RECOVERED[record.recovery]}")

    def token_requested(self, client: ClientName, reason: Reason) -> None:
        """Tell why."""
        self._tell(Colour.NOTE, f"token requested for client {client}: {_WHY[reason]}")

    def token_obtained(self, client: ClientName, token: Token, lifetime_s: float, took_s: float) -> None:
        """Tell how long it lives."""
        took = f"after {took_s * 1000:.0f} ms"
        self._tell(
            Colour.NOTE, f"token {token.fingerprint} obtained for {client} {took}: lives {lifetime_s:.0f} s"
        )

    def token_failed(self, client: ClientName, error: AuthorizationServerError, retry_in_s: float) -> None:
        """Tell what is wrong and how long nobody asks again."""
        told = f"no token for client {client}: {error.title} ({error.code})"
        self._tell(Colour.BAD, f"{told}; no other token request for {retry_in_s:.1f} s")

    def token_rejected(self, client: ClientName, token: Token) -> None:
        """Tell that the token is suspect."""
        self._tell(Colour.BAD, f"the upstream refused token {token.fingerprint} of client {client}: suspect")

    def credential_switched(self, client: ClientName, accepted: SecretName) -> None:
        """Tell which one."""
        self._tell(Colour.NOTE, f"another secret of client {client} was refused: {accepted} is accepted")

    def credential_kept(self, client: ClientName, reason: str) -> None:
        """Tell which client's, and why."""
        self._tell(
            Colour.NOTE, f"the key of client {client} was replaced and the last good one is kept: {reason}"
        )

    def scope_reduced(self, client: ClientName, missing: tuple[str, ...]) -> None:
        """Tell what is missing."""
        self._tell(
            Colour.BAD, f"client {client} was granted less than it asked for: without {' '.join(missing)}"
        )

    def metadata_objected(self, client: ClientName, objections: tuple[str, ...]) -> None:
        """Tell what the server says of itself."""
        for objection in objections:
            self._tell(Colour.BAD, f"client {client}: the issuer's metadata: {objection}")

    def metadata_kept(self, client: ClientName, failed: Failed) -> None:
        """Tell that nothing changes."""
        self._tell(Colour.BAD, f"client {client}: {failed.reason}; what is known stays in use")

    def token_revoked(self, client: ClientName, fingerprint: str, failed: Failed | None) -> None:
        """Tell that it is gone, or why not."""
        ending = "is revoked" if failed is None else f"could not be revoked: {failed.reason}"
        self._tell(Colour.NOTE, f"token {fingerprint} of client {client} {ending}")

    def _with_token(self, record: AccessRecord) -> str:
        if not record.token:
            return ""
        uses = self._uses_by_token[record.token] = self._uses_by_token.get(record.token, 0) + 1
        return f", token {record.token} " + (
            "used for the first time" if uses == 1 else f"reused (use {uses})"
        )

    def _tell(self, colour: Colour, text: str) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(self._wall_s()))
        line = f"{at}  {escaped(text)}"
        print(f"{colour.value}{line}{_OFF}" if self._out.isatty() else line, file=self._out, flush=True)
