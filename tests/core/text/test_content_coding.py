"""Bodies that arrive compressed: what is undone, and what no body can make us do."""

import gzip
import json
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.text.content_coding import MOST_CODINGS, MOST_MEMBERS, Flaw, unpack

PLAIN = json.dumps({"access_token": "access_token_1", "padding": "x" * 200}).encode()
LIMIT = 1024 * 1024


def gzipped(body):
    """As gzip packs it, at whatever time: ids of tests are made of it."""
    return gzip.compress(body, mtime=0)


def bare(body: bytes) -> bytes:
    """A deflate stream without zlib's header and checksum."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


PACKED = [
    ("gzip", gzipped(PLAIN)),
    ("x-gzip", gzipped(PLAIN)),
    ("GZIP", gzipped(PLAIN)),
    ("deflate", zlib.compress(PLAIN)),
    ("deflate", bare(PLAIN)),
    ("Deflate", bare(PLAIN)),
]


@pytest.mark.parametrize(("coding", "packed"), PACKED)
def test_each_coding_is_undone(coding: str, packed: bytes):
    assert unpack(packed, coding, LIMIT) == PLAIN


@pytest.mark.parametrize("coding", ["", "identity", "Identity, identity", " , ,"])
def test_where_nothing_was_packed_nothing_is_undone(coding: str):
    assert unpack(PLAIN, coding, LIMIT) == PLAIN


@pytest.mark.parametrize(
    ("codings", "packed"),
    [
        ("deflate, gzip", gzipped(zlib.compress(PLAIN))),
        ("gzip,deflate", bare(gzipped(PLAIN))),
        ("gzip, identity, gzip", gzipped(gzipped(PLAIN))),
        ("gzip, gzip, x-gzip", gzipped(gzipped(gzipped(PLAIN)))),
    ],
)
def test_layers_are_undone_from_the_last_to_the_first(codings: str, packed: bytes):
    assert unpack(packed, codings, LIMIT) == PLAIN


def test_members_of_a_gzip_file_are_joined_and_zeros_behind_them_ignored():
    parts = gzipped(PLAIN[:50]) + gzipped(PLAIN[50:]) + bytes(7)
    assert unpack(parts, "gzip", LIMIT) == PLAIN


@pytest.mark.parametrize(("coding", "packed"), PACKED)
def test_what_ends_early_is_broken_at_every_byte(coding: str, packed: bytes):
    for end in range(1, len(packed)):
        assert unpack(packed[:end], coding, LIMIT) is Flaw.BROKEN, end


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", PLAIN),
        ("zstd", PLAIN),
        ("compress", PLAIN),
        ("gzip", PLAIN),
        ("deflate", PLAIN),
        ("gzip", zlib.compress(PLAIN)),
        ("deflate", gzipped(PLAIN)),
        ("gzip", gzipped(PLAIN) + b"more"),
        ("deflate", zlib.compress(PLAIN) + b"more"),
        ("gzip", gzipped(PLAIN)[:-8] + b"\0" * 8),
        (", ".join(["gzip"] * (MOST_CODINGS + 1)), gzipped(PLAIN)),
        ("gzip", gzipped(b"") * (MOST_MEMBERS + 1)),
    ],
)
def test_what_cannot_be_undone_is_broken(coding: str, body: bytes):
    assert unpack(body, coding, LIMIT) is Flaw.BROKEN


def test_an_empty_body_was_never_packed():
    """Answers without content carry the field all the same."""
    assert unpack(b"", "gzip", LIMIT) == b""


@pytest.mark.parametrize("pack", [gzipped, zlib.compress, bare])
def test_the_bound_is_exact(pack):
    coding = "gzip" if pack is gzipped else "deflate"
    assert unpack(pack(b" " * LIMIT), coding, LIMIT) == b" " * LIMIT
    assert unpack(pack(b" " * (LIMIT + 1)), coding, LIMIT) is Flaw.TOO_LONG


def test_a_bomb_in_a_bomb_is_not_unpacked():
    bomb = gzipped(gzipped(bytes(200 * LIMIT)))
    assert len(bomb) < 10_000
    assert unpack(bomb, "gzip, gzip", LIMIT) is Flaw.TOO_LONG


def test_members_share_the_bound():
    halves = gzipped(bytes(LIMIT // 2 + 1)) * 2
    assert unpack(halves, "gzip", LIMIT) is Flaw.TOO_LONG


def test_a_later_member_is_unpacked_no_further_than_what_the_first_left():
    """The first fills the bound and the second is a bomb: a chunk beside it would be as large again."""
    body = gzipped(bytes(LIMIT)) + gzipped(bytes(20 * LIMIT))
    tracemalloc.start()
    try:
        assert unpack(body, "gzip", LIMIT) is Flaw.TOO_LONG
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 2.5 * LIMIT


def test_many_small_members_cost_no_more_than_a_few():
    """Each would copy all that follows it."""
    member = gzipped(b"")
    few, many = member * (MOST_MEMBERS + 1), member * (LIMIT // len(member))
    spent = []
    for body in (few, many):
        began = time.process_time()
        assert unpack(body, "gzip", LIMIT) is Flaw.BROKEN
        spent.append(time.process_time() - began)
    assert spent[1] < 0.5, spent


@given(st.binary(max_size=200), st.text(max_size=30) | st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_every_body_yields_bytes_or_a_flaw(body: bytes, coding: str):
    assert isinstance(unpack(body, coding, LIMIT), bytes | Flaw)


@given(st.binary(max_size=300), st.lists(st.sampled_from(["gzip", "deflate"]), max_size=MOST_CODINGS))
def test_what_was_packed_comes_back(body: bytes, codings: list[str]):
    packed = body
    for coding in codings:
        packed = gzipped(packed) if coding == "gzip" else bare(packed)
    assert unpack(packed, ", ".join(codings), LIMIT) == body
