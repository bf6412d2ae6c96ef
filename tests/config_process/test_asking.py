"""The configuration is read in a process of its own: what it tells, what it keeps to itself, how it may fail."""

from __future__ import annotations

import os
import signal
import sys
import time
from asyncio import to_thread
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.config_process.asking import ConfigReader
from gateway.config_reading import reading
from gateway.core.config_place import TEXT, ConfigVariable
from tests.config.documents import CRM, ENVIRON, ROUTE, SECRET

GOOD = f"{CRM}routes: [{{path: /, upstream: 'http://127.0.0.1:9500', client: crm}}]\n"
TEXTS = {
    "good": GOOD,
    "with warnings": f"admin: 0.0.0.0:9\n{GOOD}",
    "wrong": "listen: nowhere\nroutes: 7\n",
    "no YAML": "routes: [\n",
    "empty": "",
    "a certificate that is missing": f"listen: {{address: '127.0.0.1:0', tls: {{certificate: a.pem, key: b.pem}}}}\n{ROUTE}",
    "a key that is none": ROUTE
    + "clients: {a: {issuer: 'https://a', client_id: b, token_endpoint_auth_method: private_key_jwt, private_key: c}}",
    "watched": f"reload: watch\n{GOOD}",
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def broken_pydantic(tmp_path, monkeypatch):
    """Lets the reader's process do something else as it loads what only that process loads."""

    def write(code):
        folder = tmp_path / "modules" / "pydantic"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"import os, signal, sys\n{code}\n")
        monkeypatch.setattr(sys, "path", [str(folder.parent), *sys.path])

    return write


@contextmanager
def hanging(patience_s=60.0):
    """A reading that goes on until the pipe that it reads is closed."""
    read_end, write_end = os.pipe()
    try:
        with ConfigReader(Path(f"/dev/fd/{read_end}"), dict(ENVIRON), patience_s).begin() as begun:
            yield begun, write_end
    finally:
        os.close(read_end)
        os.close(write_end)


def open_descriptors():
    """How many there are, where the system says that."""
    there = Path("/proc/self/fd")
    return len(list(there.iterdir())) if there.exists() else None


def read_apart(place, environ=ENVIRON):
    with ConfigReader(place, dict(environ)).begin() as begun:
        return begun.reading()


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_read_apart_is_what_would_be_read_here(config, name):
    config.write_text(TEXTS[name])
    apart, here = read_apart(config), reading(config, ENVIRON)

    assert apart == here
    assert (apart.contents, apart.file) == (here.contents, here.file)


def test_secrets_arrive_and_what_is_never_to_be_shown(config):
    settings = read_apart(config).settings

    assert settings is not None
    assert settings.referenced == {SECRET}
    [client] = settings.clients.values()
    assert [read().reveal() for read in client.credentials] == [SECRET]


def test_a_file_that_is_missing_is_a_problem_without_a_place(tmp_path):
    told = read_apart(tmp_path / "nothing.yaml")

    assert told == reading(tmp_path / "nothing.yaml", ENVIRON)
    assert told.problems == (f"gateway: {tmp_path}/nothing.yaml: cannot be read: No such file or directory",)


def test_a_pipe_of_the_shell_is_read_there():
    read_end, write_end = os.pipe()
    os.write(write_end, GOOD.encode())
    os.close(write_end)
    settings = read_apart(Path(f"/dev/fd/{read_end}")).settings
    os.close(read_end)

    assert settings is not None
    assert settings.referenced == {SECRET}


def test_a_text_of_the_environment_is_read_again_with_a_warning():
    reader = ConfigReader(ConfigVariable(), {TEXT: GOOD, "SECRET": SECRET})
    with reader.begin() as begun:
        first = begun.reading()
    again = reader.again()

    assert (first.settings, again.settings) == (again.settings, first.settings)
    assert first.settings is not None
    assert [line for line in again.warnings if "cannot be read again" in line]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
def test_neither_the_command_line_nor_the_environment_shows_a_secret(monkeypatch):
    monkeypatch.setenv("SECRET", SECRET)
    with hanging() as (begun, _):
        shown = Path(f"/proc/{begun.process.pid}")
        ends_at_s = time.monotonic() + 20.0
        while "PATH=" not in (shown / "environ").read_text() and time.monotonic() < ends_at_s:
            time.sleep(0.001)  # exec is under way
        seen = [(shown / name).read_text() for name in ("cmdline", "environ")]

    assert "gateway" in seen[0]
    assert "PATH=" in seen[1]
    assert SECRET not in "".join(seen)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_its_memory_is_private_before_it_holds_anything(config, broken_pydantic):
    broken_pydantic("import ctypes; raise RuntimeError(ctypes.CDLL(None).prctl(3))")

    assert failure(read_apart(config), config).endswith("RuntimeError: 0")


def test_nothing_is_left_of_it(config):
    with ConfigReader(config, dict(ENVIRON)).begin() as begun:
        begun.reading()
        process = begun.process
    descriptors = open_descriptors()
    read_apart(config)

    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    assert open_descriptors() == descriptors


def test_one_that_nobody_waits_for_is_ended():
    with hanging() as (begun, _):
        process = begun.process

    assert process.returncode == -signal.SIGKILL


def test_it_works_as_the_first_process_of_a_container_does(config):
    """Which lets the kernel collect its children, so that nobody learns how they ended."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert read_apart(config).settings is not None
        with hanging() as (begun, _):
            begun.process.kill()
            assert "told nothing" in begun.reading().problems[0]
    finally:
        signal.signal(signal.SIGCHLD, before)


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


def failure(told, file):
    assert (told.settings, told.status, told.file) == (None, 1, str(file))
    [problem] = told.problems
    return problem.removeprefix("gateway: the configuration was not read: ")


def test_one_that_is_killed_is_a_problem():
    with hanging() as (begun, _):
        os.kill(begun.process.pid, signal.SIGKILL)
        [problem] = begun.reading().problems

    assert problem == (
        "gateway: the configuration was not read: of the process that reads it: "
        "SIGKILL ended it (the system may be out of memory)"
    )


def test_one_that_hangs_is_not_waited_for_longer_than_its_time():
    with hanging(patience_s=0.2) as (begun, _):
        [problem] = begun.reading().problems

    assert problem.endswith("it took longer than 0.2 s")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os._exit(3)", "of the process that reads it: it ended with status 3, and told nothing"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "of the process that reads it: SIGSEGV ended it"),
        ("os.write(int(sys.argv[1]), b'junk'); os._exit(0)", "of the process that reads it: what it told cannot be used: pickle data was truncated"),
        ("raise RuntimeError('no such luck')", "its reader failed in the gateway: RuntimeError: no such luck"),
    ],
)  # fmt: skip
def test_one_that_crashes_is_a_problem(config, broken_pydantic, caplog, code, words):
    broken_pydantic(code)

    assert failure(read_apart(config), config) == words
    assert ("Traceback" in caplog.text) == ("RuntimeError" in code)
    assert SECRET not in caplog.text


def test_one_that_cannot_be_started_is_a_problem(config, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    assert failure(read_apart(config), config) == (
        "of the process that reads it: it cannot be started: No such file or directory"
    )


def test_after_a_failure_the_same_files_are_watched_with_what_they_hold_now(tmp_path, config, monkeypatch):
    (tmp_path / "path").write_text("/a")
    config.write_text(f"routes: [{{path: '${{file:{tmp_path}/path}}', upstream: 'http://127.0.0.1:9'}}]")
    reader = ConfigReader(config, dict(ENVIRON))
    first = reader.again()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    (tmp_path / "path").write_text("/b")
    failed = reader.again()

    assert failed.contents.keys() == first.contents.keys()
    assert failed.contents != first.contents
    assert failed.contents == reader.again().contents


async def test_it_can_be_read_in_a_thread(config):
    assert (await to_thread(ConfigReader(config, dict(ENVIRON)).again)).settings is not None
