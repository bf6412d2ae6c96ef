"""Whether the configuration has changed, told by contents that rest."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gateway.config.load import load_all
from gateway.config_text import contents_now
from gateway.config_watch import ConfigWatch
from tests.oauth.certificates import make_certificate
from tests.processes import running, write_configuration

ROUTES = "routes: [{path: /, upstream: 'http://127.0.0.1:9', headers: {request: {set: {X: '${file:x}'}}}}]\n"


class Watched:
    """A configuration in a folder, looked at when the test says so; what is asked for is done at once."""

    def __init__(self, folder: Path):
        self.file = folder / "gateway.yaml"
        self.now_s = 0.0
        self.asked = 0
        self.read = self.present = {}
        self.comparisons = 0
        self.watch = ConfigWatch(lambda: self.read, self.look_up, self.ask)

    def reload(self):
        self.read = load_all(self.file, {}).contents

    def look_up(self, files):
        self.comparisons += 1
        return contents_now(self.file, [each for each in files if each != str(self.file)])

    def ask(self):
        self.asked += 1
        self.reload()

    async def seconds(self, count: int):
        for _ in range(count):
            self.now_s += 1.0
            self.watch.look(self.now_s)
            if (comparison := self.watch._comparison) is not None:
                await comparison
                await asyncio.sleep(0)


@pytest.fixture
async def watched(tmp_path):
    (tmp_path / "x").write_text("1")
    made = Watched(tmp_path)
    made.file.write_text(ROUTES)
    made.reload()
    await made.seconds(5)
    assert (made.asked, made.comparisons) == (0, 1)
    return made


async def test_what_does_not_change_is_not_even_read(watched):
    await watched.seconds(50)
    assert (watched.asked, watched.comparisons) == (0, 1)


@pytest.mark.parametrize("name", ["gateway.yaml", "x"])
async def test_a_change_counts_once_it_has_rested(watched, name):
    file = watched.file.with_name(name)
    for step in range(3):
        file.write_text(file.read_text() + " # more"[: step + 2])
        await watched.seconds(1)
    assert watched.asked == 0
    await watched.seconds(5)
    assert watched.asked == 1


async def test_the_same_contents_written_anew_change_nothing(watched):
    watched.file.write_text(watched.file.read_text())
    os.utime(watched.file, (1, 1))
    await watched.seconds(5)
    assert (watched.asked, watched.comparisons) == (0, 2)


async def test_a_broken_file_is_read_once_and_its_repair_is_noticed(watched):
    watched.file.write_text("routes: [")
    await watched.seconds(9)
    assert watched.asked == 1
    watched.file.unlink()
    await watched.seconds(9)
    assert watched.asked == 2
    watched.file.write_text(ROUTES)
    await watched.seconds(9)
    assert watched.asked == 3


async def test_a_file_that_was_missing_is_waited_for(watched):
    watched.file.write_text(ROUTES.replace("file:x", "file:y"))
    await watched.seconds(5)
    watched.file.with_name("y").write_text("2")
    await watched.seconds(5)
    assert watched.asked == 2


async def test_a_swapped_link_is_followed(tmp_path):
    """As Kubernetes does it: the file is a link into a folder that is a link, and that one is replaced."""
    for name, value in (("..1", "1"), ("..2", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(value)
        (tmp_path / name / "gateway.yaml").write_text(ROUTES)
    (tmp_path / "..data").symlink_to("..1")
    for name in ("x", "gateway.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    made = Watched(tmp_path)
    made.reload()
    await made.seconds(5)
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    await made.seconds(5)
    assert made.asked == 1


async def test_what_changed_before_the_first_look_is_noticed(tmp_path):
    made = Watched(tmp_path)
    made.file.write_text("routes: []\n")
    made.reload()
    made.file.write_text("routes: [1]\n")
    await made.seconds(5)
    assert made.asked == 1


async def test_nothing_is_looked_at_where_a_signal_alone_counts(watched):
    watched.watch._read = lambda: None
    watched.file.write_text("routes: []\n")
    await watched.seconds(5)
    assert (watched.asked, watched.comparisons) == (0, 1)


async def test_files_of_credentials_are_not_among_them(tmp_path):
    """They are read again when they are replaced, without a reload."""
    file = tmp_path / "gateway.yaml"
    (tmp_path / "secret").write_text("a" * 20)
    (tmp_path / "id").write_text("me")
    client = "{token_endpoint: 'https://a/t', client_id: '${file:id}', client_secret: '${file:secret}'}"
    file.write_text(f"clients: {{crm: {client}}}\nroutes: [{{path: /, upstream: 'http://a', client: crm}}]\n")
    assert sorted(load_all(file, {}).contents) == [str(file), str(tmp_path / "id")]


async def test_a_running_gateway_takes_what_is_written(tmp_path):
    """`reload` itself changes with it: afterwards only a signal counts."""
    route = {"path": "/", "upstream": "http://127.0.0.1:9"}
    async with running(tmp_path, {"routes": [route], "reload": "watch"}) as child:
        write_configuration(tmp_path, {"routes": [route, route | {"path": "/b"}], "reload": "signal"})
        await child.until_told("the configuration has changed")
        await child.until_told("reloaded: the new configuration is in use")


async def test_a_certificate_that_was_missing_is_waited_for(tmp_path):
    route = {"path": "/", "upstream": "http://127.0.0.1:9"}
    certificate, key = make_certificate(tmp_path)
    async with running(tmp_path, {"routes": [route], "reload": "watch"}) as child:
        tls = {"certificate": str(tmp_path / "later.pem"), "key": str(key)}
        write_configuration(
            tmp_path, {"listen": {"address": "127.0.0.1:0", "tls": tls}, "routes": [route], "reload": "watch"}
        )
        await child.until_told("not reloaded")
        certificate.rename(tmp_path / "later.pem")
        await child.until_told("reloaded: the new configuration is in use")
