"""Where frames of WebSocket begin and end (RFC 6455 section 5.2). Payloads are skipped, never changed.

A Close of ours may stand only between two frames of the peer's. So each direction of a tunnel is followed,
two to fourteen bytes per frame. What is no valid framing is not followed any more, and passes all the same.
"""

from __future__ import annotations

from typing import Final

_CLOSE: Final = 0x8
_OPCODES: Final = frozenset({0x0, 0x1, 0x2, _CLOSE, 0x9, 0xA})
_LONGEST_CONTROL: Final = 125
# First bytes of frames whose length is all that matters: data, whole or in fragments, Ping and Pong.
_IS_SMALL: Final = bytes(
    byte & 0x0F in {0x0, 0x1, 0x2} or (byte & 0x0F in {0x9, 0xA} and byte >= 0x80) for byte in range(0x100)
)
GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008
SERVICE_RESTART: Final = 1012


class FrameBorders:
    """Follows the frames of one direction.

    Attributes:
        is_valid: everything so far was framing.
        close_code: of the first Close that passed; None if there was none; 1005 if it had no code.
    """

    __slots__ = ("_head", "_is_close", "_is_masked", "_left", "_mask", "_payload", "close_code", "is_valid")

    def __init__(self, *, is_masked: bool) -> None:
        """`is_masked`: the frames come from a client (section 5.1)."""
        self._is_masked = is_masked
        self._head = bytearray()  # of a frame whose head is not complete
        self._left = 0  # bytes of the payload that are still to come
        self._is_close = False
        self._mask = b""
        self._payload = bytearray()
        self.is_valid = True
        self.close_code: int | None = None

    @property
    def is_at_border(self) -> bool:
        """Whether what has passed ends with a frame, or nothing has."""
        return self.is_valid and not self._head and not self._left

    def feed(self, data: bytes, *, to_first: bool = False) -> int:
        """Follow `data`; return the offset behind the last frame that ends in it, or 0 if none does.

        With `to_first` it is followed no further than to the end of the first.
        """
        last = position = 0
        if self.is_valid and not (to_first or self._head or self._left):
            last = position = self._skip_small(data)
        while position < len(data) and self.is_valid:
            if self._left:
                position = self._skip(data, position)
            else:
                self._head.append(data[position])
                position += 1
                if not self._has_head():
                    continue
            if not self._left and not self._head:
                self._ended()
                last = position
                if to_first:
                    break
        return last

    def _skip_small(self, data: bytes) -> int:
        """Return the offset behind the small frames that `data` begins with: many may come in one read."""
        position, size = 0, len(data)
        head_bytes, shortest = (6, 0x80) if self._is_masked else (2, 0)
        while position + head_bytes <= size and _IS_SMALL[data[position]]:
            short = data[position + 1] - shortest
            end = position + head_bytes + short
            if not 0 <= short <= _LONGEST_CONTROL or end > size:
                break
            position = end
        return position

    def _skip(self, data: bytes, position: int) -> int:
        end = min(len(data), position + self._left)
        if self._is_close:
            self._payload += data[position:end]
        self._left -= end - position
        return end

    def _has_head(self) -> bool:
        """Take the head of a frame once it is complete; stop following what is none."""
        head = self._head
        if len(head) < 2:
            return False
        short = head[1] & 0x7F
        if len(head) == 2 and not self._is_frame(head, short):
            self.is_valid = False
            return False
        sizes = 2 if short == 126 else 8 if short == 127 else 0
        if len(head) < 2 + sizes + (4 if self._is_masked else 0):
            return False
        length = int.from_bytes(head[2 : 2 + sizes], "big") if sizes else short
        self.is_valid = not length >> 63
        self._is_close = head[0] & 0x0F == _CLOSE
        self._mask = bytes(head[2 + sizes :])
        self._left = length
        head.clear()
        return True

    def _is_frame(self, head: bytearray, short: int) -> bool:
        """Whether the first two bytes can begin a frame from this side."""
        is_fit = not head[0] & 0x08 or (short <= _LONGEST_CONTROL and bool(head[0] & 0x80))
        return head[0] & 0x0F in _OPCODES and bool(head[1] & 0x80) is self._is_masked and is_fit

    def _ended(self) -> None:
        if self._is_close and self.close_code is None:
            content = self._payload
            if self._is_masked:
                content = bytearray(byte ^ self._mask[at % 4] for at, byte in enumerate(content))
            self.close_code = int.from_bytes(content[:2], "big") if len(content) >= 2 else 1005
        self._payload.clear()


def close_frame(code: int, mask: bytes = b"") -> bytes:
    """Return a Close; `mask` is four unpredictable bytes towards an upstream (section 5.3)."""
    payload = code.to_bytes(2, "big")
    if not mask:
        return b"\x88\x02" + payload
    return b"\x88\x82" + mask + bytes(byte ^ mask[at] for at, byte in enumerate(payload))
