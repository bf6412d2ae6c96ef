"""What nginx answers reaches the caller unchanged."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from tests.real.nginx_stage import stage
from tests.real.programs import needs

pytestmark = needs("nginx", "nginx-light")

TEXT = b"".join(b"line %d of a text that shrinks well\n" % number for number in range(5_000))


@pytest.fixture
async def on(tmp_path):
    async with stage(tmp_path) as on:
        (on.root / "page.txt").write_bytes(TEXT)
        yield on


def same(one, other, *names: str) -> bool:
    """Whether two answers agree in status, body and the fields named."""
    return (
        one[0] == other[0]
        and one[2] == other[2]
        and all(one[1].getall(n, []) == other[1].getall(n, []) for n in names)
    )


VALIDATORS = (
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Vary",
    "Accept-Ranges",
)


async def test_a_packed_body_passes_as_it_is(on):
    direct = await on.get("/page.txt", direct=True, Accept_Encoding="gzip")
    answer = await on.get("/page.txt", Accept_Encoding="gzip")

    assert same(direct, answer, *VALIDATORS)
    assert (answer[1].getall("Content-Encoding"), gzip.decompress(answer[2])) == (["gzip"], TEXT)


async def test_a_range_is_answered_with_206(on):
    direct = await on.get("/plain/page.txt", direct=True, Range="bytes=100-199")
    answer = await on.get("/plain/page.txt", Range="bytes=100-199")

    assert same(direct, answer, *VALIDATORS)
    assert (206, TEXT[100:200]) == (answer[0], answer[2])


@pytest.mark.parametrize("wanted", ["bytes=-7", "bytes=9999999-", "bytes=0-0"])
async def test_odd_ranges_are_answered_as_nginx_does(on, wanted):
    direct = await on.get("/plain/page.txt", direct=True, Range=wanted)

    assert same(direct, await on.get("/plain/page.txt", Range=wanted), *VALIDATORS)


async def test_several_ranges_come_as_one_multipart(on):
    _, headers, body = await on.get("/plain/page.txt", Range="bytes=0-9,20-29")

    assert headers["Content-Type"].startswith("multipart/byteranges; boundary=")
    assert (TEXT[0:10] in body, TEXT[20:30] in body) == (True, True)


async def test_what_did_not_change_is_answered_with_304_and_no_body(on):
    _, headers, _ = await on.get("/page.txt")
    by_tag = await on.get("/page.txt", If_None_Match=headers["ETag"])
    by_date = await on.get("/page.txt", If_Modified_Since=headers["Last-Modified"])
    after = await on.get("/page.txt")

    assert [(by_tag[0], by_tag[2]), (by_date[0], by_date[2])] == [(304, b""), (304, b"")]
    assert (after[0], after[2]) == (200, TEXT)


@pytest.mark.parametrize("path", ["/page.txt", "/plain/page.txt", "/number", "/missing", "/empty"])
async def test_head_is_answered_as_nginx_does_and_the_connection_goes_on(on, path):
    direct = await on.send("HEAD", path, direct=True)
    answer = await on.send("HEAD", path)

    assert same(direct, answer, *VALIDATORS)
    assert (await on.get("/page.txt"))[2] == TEXT


@pytest.mark.parametrize("path", ["/empty", "/teapot", "/old", "/missing", "/", "/page.txt/"])
async def test_answers_without_success_pass_unchanged(on, path):
    direct, answer = await on.get(path, direct=True), await on.get(path)

    assert same(direct, answer, "Content-Type", "Content-Length", "Server")


async def test_a_redirect_is_the_callers_to_follow_by_way_of_the_gateway(on):
    _, direct, _ = await on.get("/old", direct=True)
    _, headers, _ = await on.get("/old")

    assert direct["Location"] == f"http://127.0.0.1:{on.port}/new?a=b"
    assert headers["Location"] == "/new?a=b"


async def test_pages_made_on_the_way_come_in_chunks(on):
    (on.root / "ssi").mkdir()
    (on.root / "ssi" / "page.html").write_text(
        '<!--# set var="who" value="caller" -->Hello, <!--# echo var="who" -->!'
    )
    status, headers, body = await on.get("/ssi/page.html")

    assert (status, body) == (200, b"Hello, caller!")
    assert headers.getall("Transfer-Encoding") == ["chunked"]


async def test_a_big_file_arrives_whole(on):
    digest = hashlib.sha256()
    with (on.root / "big.bin").open("wb") as file:
        for number in range(256):  # 32 MiB in which a lost or doubled part would show
            part = hashlib.sha256(number.to_bytes(2)).digest() * 4096
            digest.update(part)
            file.write(part)
    got = hashlib.sha256()
    async with on.session.get(on.url("/big.bin")) as answer:
        async for part in answer.content.iter_any():
            got.update(part)

    assert digest.hexdigest() == got.hexdigest()


async def test_hop_by_hop_fields_stop_at_the_gateway(on):
    _, _, told = await on.get(
        "/told", Connection="X-Secret, close", X_Secret="1", Authorization="Bearer of-caller"
    )

    assert told == b"|1.1 gateway||127.0.0.1"


async def test_a_connection_that_is_closed_without_an_answer_is_a_502(on):
    status, _, body = await on.get("/reset")

    assert (status, b"urn:gateway:error:upstream_closed" in body) == (502, True)
