"""An upstream's response, as far as it has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from gateway.core.http.answer_head import Body, PlainAnswer, may_be_trailer

_NOTHING: Final[dict[bytes, bytes]] = {}
_NO_BODY: Final = Body.NONE  # looking up a member of an Enum is slow before Python 3.12

Data: TypeAlias = bytes | memoryview
"""A part of a body; a `memoryview` saves the copy of what TLS decrypted (`proxy.outgoing.tls_upstream`)."""


class Answer:
    """An upstream's response, as far as it has arrived.

    Attributes:
        reason: that of the status line, as far as a parser has read it.
        start: the status line as the caller gets it, once the head is complete.
        fields: the fields of the head until it is complete, then those of the trailers.
        lines: the fields of the head that pass, each as ``Name: value``.
        special: hop-by-hop and framing fields, lower-case name -> value.
        chunks: the parts of the body that nobody has taken yet.
        plain: its head, if it was read without a parser.
    """

    # Not slotted: a default in the class costs nothing, but reading it costs more than eight that were set.
    status = 0
    reason = b""
    start = b""

    def __init__(self) -> None:
        self.has_head = self.is_complete = False
        self.fields: list[tuple[bytes, bytes]] = []
        self.lines: Sequence[bytes] = ()
        self.special: dict[bytes, bytes] = _NOTHING  # not changed, once it is read
        self.body = _NO_BODY
        self.chunks: list[Data] = []
        self.plain: PlainAnswer | None = None

    def trailers(self) -> list[bytes]:
        """Return the trailer fields that may pass, once the response is complete (RFC 9110 section 6.5)."""
        return [name + b": " + value for name, value in self.fields if may_be_trailer(name)]


class WholeAnswer:
    """A complete response, detached from the connection that it arrived on.

    Attributes:
        answer, buffered_bytes: those of the `AnswerReader` that read it.
    """

    __slots__ = ("answer", "buffered_bytes")

    def __init__(self, answer: Answer, buffered_bytes: int) -> None:
        self.answer = answer
        self.buffered_bytes = buffered_bytes

    def take(self) -> list[Data]:
        """Take the body."""
        return self.answer.chunks
