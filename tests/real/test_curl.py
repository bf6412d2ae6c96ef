"""curl as the caller: what a person types at a terminal must work."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass

import pytest

from tests.oauth.certificates import make_certificate
from tests.real.gateways import Running, gateway_with_token
from tests.real.programs import find, needs
from tests.real.upstreams import echo, values

pytestmark = needs("curl", "curl")

MOST_S = "20"


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl printed with --include: every head that came, and the body of the last."""

    heads: list[str]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.heads[-1].split()[1])

    @property
    def told(self):
        return json.loads(self.body)


async def curl(*arguments: object, exit_status: int = 0) -> Answer:
    command = [
        find("curl", "curl"),
        "-q",
        "--silent",
        "--show-error",
        "--include",
        "--noproxy",
        "*",
        "--max-time",
        MOST_S,
    ]
    process = await asyncio.create_subprocess_exec(
        *command, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == exit_status, err.decode()
    return split(out)


def split(out: bytes) -> Answer:
    heads = []
    while out.startswith(b"HTTP/"):
        head, _, out = out.partition(b"\r\n\r\n")
        heads.append(head.decode("latin-1"))
    return Answer(heads, out)


@pytest.fixture
async def running(tmp_path):
    async with gateway_with_token(tmp_path, echo) as running:
        yield running


async def test_the_token_goes_out_and_no_other_authorization(running: Running):
    answer = await curl("--user", "eve:secret", running.url + "/users?limit=2&x=%2F")

    assert (answer.status, answer.told["target"]) == (200, "/users?limit=2&x=%2F")
    assert values(answer.told, "authorization") == ["Bearer access_token_1"]


@pytest.mark.parametrize(("option", "version"), [("--http1.0", "HTTP/1.0"), ("--http1.1", "HTTP/1.1")])
async def test_each_version_gets_an_answer_and_the_upstream_always_sees_1_1(
    running: Running, option, version
):
    answer = await curl(option, "--request", "PUT", "--data", "x=1", running.url)

    assert (answer.status, answer.told["version"], answer.told["bytes"]) == (200, "1.1", 3)
    assert values(answer.told, "via") == [version.removeprefix("HTTP/") + " gateway"]


async def test_an_offer_of_http_2_in_clear_text_is_ignored(running: Running):
    answer = await curl("--http2", running.url)

    assert [head.splitlines()[0] for head in answer.heads] == ["HTTP/1.1 200 OK"]
    assert not [
        name for name, _ in answer.told["fields"] if name in ("upgrade", "http2-settings", "connection")
    ]


async def test_an_upload_with_an_offer_of_http_2_arrives_whole(running: Running, tmp_path):
    body = bytes(range(256)) * 1024
    (tmp_path / "body").write_bytes(body)
    answer = await curl("--http2", "--request", "POST", "--data-binary", f"@{tmp_path / 'body'}", running.url)

    assert hashlib.sha256(body).hexdigest() == answer.told["sha256"]


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
async def test_an_upload_that_expects_100_continue_is_invited_once(running: Running, tmp_path, framing):
    body = bytes(range(256)) * (12 * 1024)
    (tmp_path / "body").write_bytes(body)
    chunked = ("-H", "Transfer-Encoding: chunked") if framing == "Transfer-Encoding" else ()
    # A caller that is not invited within 15 s fails here: curl would wait no longer than a second.
    answer = await curl(
        *("-T", tmp_path / "body", "-H", "Expect: 100-continue", "--expect100-timeout", "15"),
        *chunked,
        running.url,
    )

    assert [head.split()[1] for head in answer.heads] == ["100", "200"]
    assert (len(body), hashlib.sha256(body).hexdigest()) == (answer.told["bytes"], answer.told["sha256"])
    assert len(values(answer.told, framing)) == 1


async def test_head_has_the_length_and_no_body(running: Running):
    answer = await curl("--head", running.url)

    assert (answer.status, answer.body) == (200, b"")
    assert "content-length:" in answer.heads[-1].lower()


@pytest.mark.parametrize("path", ["/a/../b", "/a/%2e%2E/b", "/./a", "/a/..", "/a\\b", "/a/..;/b"])
async def test_a_path_with_two_readings_is_refused(running: Running, path):
    answer = await curl("--path-as-is", running.url + path)

    assert (answer.status, answer.told["type"]) == (400, "urn:gateway:error:ambiguous_path")


@pytest.mark.parametrize(
    "path", ["/a//b", "/a%20b/%C3%A9", "/a.b/..c/...", "/a?x=../y&z=%2e%2e", "/a;v=1/b@c"]
)
async def test_a_path_with_one_reading_passes_byte_for_byte(running: Running, path):
    answer = await curl("--path-as-is", running.url + path)

    assert path == answer.told["target"]


async def test_several_urls_share_a_connection(running: Running):
    answer = await curl(
        "--no-include",
        *(f"{running.url}/{number}" for number in range(5)),
        "--write-out",
        "%{num_connects}\n",
    )

    counts = [int(line[-1:]) for line in answer.body.splitlines()]
    assert counts == [1, 0, 0, 0, 0]


async def test_through_curls_own_proxy_option_the_target_is_absolute(running: Running):
    answer = await curl("--noproxy", "", "--proxy", running.url, "http://api.example.test/users?a=b")

    assert (answer.status, answer.told["target"]) == (200, "/users?a=b")
    assert values(answer.told, "x-forwarded-host") == ["api.example.test"]
    assert values(answer.told, "proxy-connection") == []


async def test_hundreds_at_once_all_get_an_answer(running: Running):
    answer = await curl(
        *("--no-include", "--no-progress-meter", "--parallel", "--parallel-max", "100"),
        *("--output", "/dev/null", "--write-out", "%{http_code}\n", f"{running.url}/[1-300]"),
    )

    assert answer.body.split() == [b"200"] * 300


async def test_a_tunnel_is_refused(running: Running):
    target = "https://api.example.test/users"
    answer = await curl("--noproxy", "", "--proxy", running.url, target, exit_status=56)

    assert answer.status == 501


async def test_a_unix_socket_serves_as_well(tmp_path):
    path = tmp_path / "gateway.sock"
    async with gateway_with_token(tmp_path, echo, listen=f"unix:{path}"):
        answer = await curl("--unix-socket", path, "http://localhost/users")

    assert (answer.status, answer.told["target"]) == (200, "/users")


async def test_a_tls_listener_is_trusted_by_its_certificate(tmp_path):
    certificate, key = make_certificate(tmp_path)
    listen = {"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}}
    async with gateway_with_token(tmp_path, echo, listen=[listen]) as running:
        answer = await curl("--cacert", certificate, "--http2", f"https://127.0.0.1:{running.port}/users")

    assert (answer.status, values(answer.told, "x-forwarded-proto")) == (200, ["https"])


async def test_a_form_with_a_file_arrives_as_it_was_sent(running: Running, tmp_path):
    (tmp_path / "file").write_bytes(b"\0\r\n--" * 40_000)
    answer = await curl("--form", f"file=@{tmp_path / 'file'}", "--form", "note=é", running.url)

    assert answer.told["bytes"] > 200_000
    assert values(answer.told, "content-length") == [str(answer.told["bytes"])]


async def test_a_head_with_too_many_fields_is_refused(running: Running):
    fields = [part for number in range(200) for part in ("-H", f"X-Field-{number}: x")]
    answer = await curl(*fields, running.url)

    assert (answer.status, answer.told["type"]) == (431, "urn:gateway:error:head_too_large")
