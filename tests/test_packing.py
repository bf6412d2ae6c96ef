"""Settings as bytes: equal again on the other side, with secrets that follow their files, and nothing else."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from dataclasses import make_dataclass
from pathlib import Path

import pytest

from gateway.config import load_all
from gateway.core.oauth.named_secret import NamedReader
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.listener_settings import Address
from gateway.packing import CannotPack, packed, unpacked
from gateway.system.text_file import TextFile
from tests.config.documents import ENVIRON, ROUTE, SECRET, load_text
from tests.docs.pages import PAGES, ROOT
from tests.processes import environment

EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(re.findall(r"(?ms)^```yaml\n(.*?)^```$", page.read_text()))
    if re.search(r"(?m)^routes:", text)
]


def readers(settings: Settings):
    for client in settings.clients.values():
        yield from client.credentials
        if client.dpop_key is not None:
            yield client.dpop_key
        yield from (each.read for each in client.referenced)


def with_secret(text: str) -> Settings:
    return load_text(
        f"clients: {{a: {{issuer: 'https://a', client_id: me, client_secret: '{text}'}}}}\n{ROUTE}"
    )


@pytest.mark.parametrize("text", [*EXAMPLES, (ROOT / "gateway.yaml").read_text()])
def test_every_documented_configuration_arrives_as_it_was(text, tmp_path):
    for name in set(re.findall(r"\$\{(?:file|credential):([^}]+)\}", text)):
        (tmp_path / Path(name).name).write_text("hunter2-hunter2-hunter2")
    text = re.sub(r"\$\{(?:file|credential):(?:[^}]*/)?([^}/]+)\}", rf"${{file:{tmp_path}/\1}}", text)
    names = re.findall(r"\$\{env:([A-Za-z_]+)", text)
    (tmp_path / "gateway.yaml").write_text(text)
    settings = load_all(tmp_path / "gateway.yaml", dict.fromkeys(names, "hunter2-hunter2")).settings
    if settings is None:
        pytest.skip("it needs what the page describes")

    arrived = unpacked(packed(settings))

    assert arrived == settings
    assert [read() for read in readers(arrived)] == [read() for read in readers(settings)]
    assert [repr(read) for read in readers(arrived)] == [repr(read) for read in readers(settings)]
    places = [[client.place for client in each.clients.values()] for each in (arrived, settings)]
    assert places[0] == places[1]


def test_values_of_references_follow_their_files_on_the_other_side(tmp_path):
    (tmp_path / "pin").write_text("first\n")
    value = f"'${{file:{tmp_path}/pin}}'"
    keys = f"parameters: {{pin: {value}}}, headers: {{X-Pin: {value}}}, request: {{query: {{pin: {value}}}}}"
    client = f"{{token_endpoint: 'https://a/t', client_id: me, client_secret: hunter2-hunter2, {keys}}}"
    settings = unpacked(packed(load_text(f"clients: {{a: {client}}}\n{ROUTE}")))
    (tmp_path / "pin").write_text("second\n")
    assert [read() for read in readers(settings)][1:] == [Secret("second")] * 3


def test_what_was_one_object_is_one_again():
    settings = load_text("clients: {a: {issuer: 'https://a', client_id: me, client_secret: s}}\n"
                         "routes: [{path: /, upstream: 'http://localhost', client: a}]")  # fmt: skip
    arrived = unpacked(packed((settings, settings.clients)))

    assert arrived[0].clients is arrived[1]


def test_a_secret_of_a_file_follows_the_file_on_the_other_side(tmp_path):
    (tmp_path / "one").write_text("first")
    (tmp_path / "two").write_text("-second\n")
    settings = unpacked(packed(with_secret(f"${{file:{tmp_path}/one}}${{file:{tmp_path}/two}}")))
    [read] = readers(settings)
    assert isinstance(read, NamedReader)
    assert [file.path for file in read.files] == [f"{tmp_path}/one", f"{tmp_path}/two"]
    assert read().reveal() == "first-second"

    (tmp_path / "one").write_text("another")
    assert read().reveal() == "another-second"
    assert [file.readings for file in read.files] == [2, 1], "what did not change is not read again"

    (tmp_path / "one").write_text("a\nb")
    assert read().reveal() == "another-second"
    assert "line break" in read.files[0].trouble


def test_what_became_unusable_on_the_way_changes_nothing(tmp_path):
    file = tmp_path / "secret"
    file.write_text("first")
    content = packed(with_secret(f"${{file:{file}}}"))
    file.unlink()
    [read] = readers(unpacked(content))

    assert read().reveal() == "first"
    assert "cannot be read" in read.files[0].trouble


def test_a_text_that_a_reference_filled_arrives_as_plain_text():
    settings = load_text("routes: [{path: '${env:SECRET}', upstream: 'http://localhost'}]", {"SECRET": "/a"})
    [route] = unpacked(packed(settings)).routes

    assert (type(route.path), route.path) == (str, "/a")


@pytest.mark.parametrize("secret", [SECRET, "${env:SECRET}"])
def test_settings_with_a_secret_are_pickled_in_no_other_way(secret):
    with pytest.raises(TypeError):
        pickle.dumps(with_secret(secret))


def test_so_is_the_text_of_a_file(tmp_path):
    (tmp_path / "f").write_text("hunter2")
    with pytest.raises(TypeError):
        pickle.dumps(TextFile(tmp_path / "f"))


@pytest.mark.parametrize("value", [lambda: 1, open, os.sep.join, object()])
def test_what_has_no_bytes_is_not_packed_or_not_unpacked(value):
    with pytest.raises(CannotPack):
        unpacked(packed(value))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        packed(Secret(SECRET))[:-1],
        pickle.dumps(os.system),
        pickle.dumps(load_all),
        pickle.dumps(packed),
        pickle.dumps(subprocess.Popen),
        b"cbuiltins\neval\n.",
    ],
)
def test_bytes_that_were_never_packed_are_refused_and_run_nothing(content):
    with pytest.raises(CannotPack) as refusal:
        unpacked(content)
    assert SECRET not in str(refusal.value)


def test_what_another_version_packed_is_refused_by_name(monkeypatch):
    """After an upgrade under a running gateway, a value would end up in another member."""
    content = packed(Address("localhost", 80))
    other = make_dataclass("Address", [("port", int), ("host", str), ("path", str | None)], slots=True)
    monkeypatch.setattr("gateway.core.settings.listener_settings.Address", other)

    with pytest.raises(CannotPack, match="Address is of another version of the gateway: restart it"):
        unpacked(content)


def test_whoever_unpacks_loads_no_reader_of_the_configuration(tmp_path):
    (tmp_path / "secret").write_text("hunter2")
    code = (
        "import sys; from gateway.packing import unpacked; s = unpacked(sys.stdin.buffer.read());"
        "print(len(s.clients), sorted(n for n in sys.modules"
        " if n.partition('.')[0] in ('pydantic', 'ruamel', 'asyncio') or n.startswith('gateway.config')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=packed(with_secret(f"${{file:{tmp_path}/secret}}")),
        env=environment(tmp_path),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == b"1 ['gateway.config_place']\n" or done.stdout == b"1 []\n"


def test_a_client_arrives_under_its_name():
    assert list(unpacked(packed(with_secret("${env:SECRET}"))).clients) == [ClientName("a")]
    assert ENVIRON["SECRET"] == SECRET
