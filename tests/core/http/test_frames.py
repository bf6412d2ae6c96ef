"""Borders of WebSocket frames: found wherever the bytes are cut, and nothing is ever changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.frames import FrameBorders, close_frame


def frame(payload=b"", opcode=0x1, *, mask=b"", fin=True, length=None):
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] if mask else byte for at, byte in enumerate(payload))


FRAMES = st.builds(
    frame,
    st.one_of(st.binary(max_size=10), st.integers(120, 70_000).map(bytes)),
    st.sampled_from([0x0, 0x1, 0x2]),
    fin=st.booleans(),
)


@given(st.lists(FRAMES, max_size=5), st.lists(st.integers(1, 100_000), max_size=20))
def test_a_border_is_where_a_frame_ends_however_the_bytes_are_cut(frames, cuts):
    borders, stream = FrameBorders(is_masked=False), b"".join(frames)
    ends, at = {0}, 0
    for each in frames:
        at += len(each)
        ends.add(at)
    begin = 0
    for end in [*sorted(cut for cut in cuts if cut < len(stream)), len(stream)]:
        last = borders.feed(stream[begin:end])
        within = [border for border in ends if begin < border <= end]
        assert last == (max(within) - begin if within else 0)
        assert borders.is_at_border is (end in ends)
        begin = end
    assert borders.is_valid


def test_byte_by_byte_is_the_same_as_whole():
    stream = frame(b"hello", mask=b"abcd") + frame(b"x" * 200, mask=b"efgh")
    borders = FrameBorders(is_masked=True)
    found = [at + 1 for at in range(len(stream)) if borders.feed(stream[at : at + 1])]

    assert found == [11, len(stream)]


ANY_FRAMES = st.builds(
    lambda first, second, rest: bytes([first, second]) + rest,
    st.one_of(st.sampled_from([0x01, 0x81, 0x82, 0x88, 0x89, 0xC1]), st.integers(0, 255)),
    st.one_of(st.integers(0, 12), st.integers(0x80, 0x8C), st.integers(0, 255)),
    st.binary(max_size=16),
)


@given(st.lists(ANY_FRAMES, max_size=12), st.booleans())
def test_what_came_in_one_read_is_followed_as_if_it_had_come_byte_by_byte(frames, is_masked):
    stream = b"".join(frames)
    whole, bytewise = FrameBorders(is_masked=is_masked), FrameBorders(is_masked=is_masked)
    found = [at + 1 for at in range(len(stream)) if bytewise.feed(stream[at : at + 1])]

    assert whole.feed(stream) == (found[-1] if found else 0)
    assert (whole.is_valid, whole.is_at_border) == (bytewise.is_valid, bytewise.is_at_border)
    assert whole.close_code == bytewise.close_code


BROKEN = {
    "a reserved opcode": frame(b"", 0x3),
    "a reserved control opcode": frame(b"", 0xB),
    "a mask from a server": frame(b"a", mask=b"abcd"),
    "a long control frame": frame(b"x" * 126, 0x9),
    "half a control frame": frame(b"", 0x9, fin=False),
    "a length that is too long": frame(b"", length=1 << 63),
    "no framing at all": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("stream", BROKEN.values(), ids=BROKEN)
def test_what_is_no_framing_is_followed_no_further(stream):
    borders = FrameBorders(is_masked=False)
    borders.feed(stream)

    assert not borders.is_valid
    assert not borders.is_at_border
    assert borders.feed(frame(b"good")) == 0


def test_a_client_masks():
    borders = FrameBorders(is_masked=True)
    borders.feed(frame(b"a"))

    assert not borders.is_valid


@pytest.mark.parametrize("mask", [b"", b"\x01\x02\x03\x04"])
@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03\xe9", 1001), (b"\x03\xe8bye", 1000), (b"", 1005), (b"x", 1005)]
)
def test_the_code_of_a_close_is_noted(mask, payload, code):
    borders = FrameBorders(is_masked=bool(mask))
    borders.feed(frame(b"data", mask=mask))
    assert borders.close_code is None
    for byte in frame(payload, 0x8, mask=mask):
        borders.feed(bytes([byte]))

    assert borders.close_code == code


@pytest.mark.parametrize("mask", [b"", b"wxyz"])
def test_a_close_of_ours_is_one(mask):
    borders = FrameBorders(is_masked=bool(mask))
    borders.feed(close_frame(1012, mask))

    assert (borders.close_code, borders.is_at_border) == (1012, True)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_followed_or_given_up(data, is_masked):
    borders = FrameBorders(is_masked=is_masked)
    assert 0 <= borders.feed(data) <= len(data)
