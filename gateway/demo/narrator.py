"""What happens under the hood, as it happens, in words.

Rules: one line per event; colour on a terminal only; fingerprints, never tokens; text from callers is
escaped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, TextIO, assert_never

from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    OfClient,
    OfToken,
    Reason,
    ScopeReduced,
    TokenEvent,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.observe.text import escaped


class Colour(Enum):
    """The colour of a line (ECMA-48, select graphic rendition)."""

    GOOD = "\x1b[32m"
    BAD = "\x1b[31m"
    NOTE = "\x1b[36m"


_OFF: Final = "\x1b[0m"

_WHY: Final = {
    Reason.FIRST: "there is none yet",
    Reason.EARLY: "the one in use expires soon; callers keep using it meanwhile",
    Reason.EXPIRED: "the last one has expired; callers wait for this",
    Reason.REJECTED: "the upstream refused the last one; the refused request waits for this",
    Reason.REPLACED: "the certificate that the last one is bound to was replaced",
}

_RECOVERED: Final = {
    Recovery.NONE: "",
    Recovery.RECOVERED: "; its first token was refused, the request was replayed with this one",
    Recovery.REJECTED_AGAIN: "; replayed with this token, which was refused too: the response passes",
    Recovery.NEW_TOKEN_REJECTED: "; refused, although obtained for this very request: the response passes",
    Recovery.HELD: "; refused, and another token did not help here a moment ago: the response passes",
    Recovery.NOT_REPLAYABLE: "; refused, and the body is too long to replay: the next gets a new token",
    Recovery.OTHER_CHALLENGE: "; refused for a reason that a new token does not cure: the response passes",
    Recovery.TOKEN_LIVES: "; refused, but the upstream accepts this token elsewhere: the response passes",
    Recovery.NO_TOKEN: "; refused, and no other token could be obtained",
}


class Narrator:
    """An observer of requests and tokens that writes for people.

    Args:
        out: where it writes; in colour if that is a terminal.
        wall_s: seconds since 1970.
    """

    def __init__(self, out: TextIO, wall_s: Callable[[], float]) -> None:
        self._out = out
        self._wall_s = wall_s
        self._uses_by_token: dict[str, int] = {}

    def request_done(self, record: AccessRecord) -> None:
        """Write the response to a request, its token, and how a recovery ended."""
        told = f"{record.method} {record.path} -> {record.status} in {record.total_s * 1000:.0f} ms"
        cause = f" ({record.error})" if record.error else ""
        colour = Colour.GOOD if record.status < 400 else Colour.BAD
        self._tell(colour, f"{told}{cause}{self._with_token(record)}{_RECOVERED[record.recovery]}")

    def told(self, event: TokenEvent) -> None:
        """Write what happened to a client or a token."""
        for colour, words in _of_token(event) if isinstance(event, OfToken) else _of_client(event):
            self._tell(colour, words)

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


def _of_token(event: OfToken) -> Iterator[tuple[Colour, str]]:
    client = f"client {event.client}"
    match event:
        case TokenRequested():
            yield Colour.NOTE, f"token requested for {client}: {_WHY[event.reason]}"
        case TokenObtained():
            yield Colour.NOTE, _obtained(event)
        case TokenFailed():
            error = f"{event.error.title} ({event.error.code})"
            pause = f"no other token request for {event.retry_in_s:.1f} s"
            yield Colour.BAD, f"no token for {client}: {error}; {pause}"
        case TokenRejected():
            yield Colour.BAD, f"the upstream refused token {event.token.fingerprint} of {client}: suspect"
        case TokenRevoked():
            ending = "is revoked" if event.failed is None else f"could not be revoked: {event.failed.reason}"
            yield Colour.NOTE, f"token {event.fingerprint} of {client} {ending}"
        case _:
            assert_never(event)


def _of_client(event: OfClient) -> Iterator[tuple[Colour, str]]:
    client = f"client {event.client}"
    match event:
        case CredentialSwitched():
            yield Colour.NOTE, f"another secret of {client} was refused: {event.accepted} is accepted"
        case CredentialKept():
            yield (
                Colour.NOTE,
                f"the new key of {client} is bad, the last good one stays in use: {event.reason}",
            )
        case ScopeReduced():
            yield (
                Colour.BAD,
                f"{client} was granted less than it requested: {' '.join(event.missing)} missing",
            )
        case MetadataObjected():
            for objection in event.objections:
                yield Colour.BAD, f"{client}: the issuer's metadata: {objection}"
        case MetadataKept():
            yield Colour.BAD, f"{client}: {event.failed.reason}; the known metadata stays in use"
        case _:
            assert_never(event)


def _obtained(event: TokenObtained) -> str:
    took = f"after {event.took_s * 1000:.0f} ms"
    return (
        f"token {event.token.fingerprint} obtained for {event.client} {took}: lives {event.lifetime_s:.0f} s"
    )
