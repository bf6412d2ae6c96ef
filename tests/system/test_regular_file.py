"""Files that were replaced by something that would hold whoever opens it: never opened, whoever asks.

A test that fails here may hang, since it waits for a pipe that nobody writes to; an alarm ends the process.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import ConfigError, ConfigUnreadable, load
from gateway.core.settings.client_settings import TlsFiles
from gateway.system.regular_file import MOST_PEM_BYTES, read_regular, readable_copy, stamps_of
from gateway.tls.server_certificate import ServerCertificate
from gateway.tls.tls_context import TrustSettings
from gateway.tls.trust import Trust
from tests.processes import environment
from tests.tls.test_trust import looked
from tests.wire.certificates import Authority

ROUTE = "routes: [{path: /, upstream: 'http://127.0.0.1:9'}]\n"


@pytest.fixture(autouse=True)
def alarm():
    faulthandler.dump_traceback_later(60, exit=True)  # OpenSSL hears no signal while it waits
    yield
    faulthandler.cancel_dump_traceback_later()


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def directory(path):
    path.mkdir()


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/tmp/s{os.getpid()}")  # the path of a socket is short
        Path(f"/tmp/s{os.getpid()}").rename(path)


KINDS = [pipe, device, directory, unix_socket]


def replaced(path, kind):
    path.unlink(missing_ok=True)
    kind(path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_read(tmp_path, kind):
    path = replaced(tmp_path / "file", kind)
    with pytest.raises(OSError, match=r"not a regular file|Is a directory") as caught:
        read_regular(path, 10)
    assert caught.value.filename == str(path)


def test_a_file_is_read_up_to_its_bound(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 10)
    content, status = read_regular(tmp_path / "file", 10)
    assert (content, status.st_size) == (b"x" * 10, 10)
    with pytest.raises(OSError, match="larger than"):
        read_regular(tmp_path / "file", 9)


def test_a_copy_is_what_the_file_held_and_is_gone_afterwards(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    with readable_copy(str(path)) as copy:
        path.write_bytes(b"y")
        assert Path(copy).read_bytes() == b"x" * 100_000
    assert not Path(copy).exists()


@pytest.fixture
def files(tmp_path):
    authority = Authority.make(tmp_path)
    return authority.ca_file, authority.leaf("localhost")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_context_outlives_its_authorities_and_its_certificate(files, kind):
    ca, ours = files
    settings = TrustSettings(ca, ours)
    for path in (ca, ours.certificate, ours.key):
        trust, told = Trust(), []
        kept = Path(path).read_bytes()
        context = trust.context(settings)
        trust.watch(settings, lambda told=told: told.append(1))
        replaced(Path(path), kind)
        await looked(trust)
        assert trust.context(settings) is context
        assert told == []
        with pytest.raises(OSError):
            Trust().context(settings)
        Path(path).rmdir() if kind is directory else Path(path).unlink()
        Path(path).write_bytes(kept)
        assert trust.context(settings) is context, "they hold what they held"


@pytest.mark.parametrize("kind", KINDS)
def test_a_listeners_certificate_outlives_its_files(files, kind):
    _, ours = files
    shown = ServerCertificate(ours)
    replaced(Path(ours.key), kind)
    shown.look()
    with pytest.raises(OSError):
        ServerCertificate(ours)


def test_a_file_that_is_too_large_is_no_authority(files):
    ca, _ = files
    with Path(ca).open("ab") as file:
        file.truncate(MOST_PEM_BYTES + 1)
    with pytest.raises(OSError, match="larger than"):
        Trust().context(TrustSettings(ca))


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_that_is_no_file_is_refused(tmp_path, kind):
    with pytest.raises(ConfigUnreadable, match="cannot be read"):
        load(replaced(tmp_path / "gateway.yaml", kind), {})


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_behind_a_reference_that_is_no_file_is_refused(tmp_path, kind):
    replaced(tmp_path / "secret", kind)
    client = "{token_endpoint: 'https://a/t', client_id: a, client_secret: '${file:secret}'}"
    (tmp_path / "gateway.yaml").write_text(f"clients: {{crm: {client}}}\n{ROUTE}")
    with pytest.raises(ConfigError, match="secret"):
        load(tmp_path / "gateway.yaml", {})


@pytest.mark.parametrize("shell", ["cat gateway.yaml | {}  check -c /dev/stdin", "{} check -c <(cat gateway.yaml)",
                                   "{} check -c /dev/stdin < gateway.yaml"])  # fmt: skip
def test_a_configuration_comes_by_the_pipe_of_a_shell(tmp_path, shell):
    (tmp_path / "gateway.yaml").write_text(ROUTE)
    command = shell.format(f"{sys.executable} -m gateway")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "valid (1 route, 0 clients)" in done.stdout


def test_a_context_verifies_by_the_copy_as_by_the_file(files):
    ca, ours = files
    context = Trust().context(TrustSettings(ca, TlsFiles(ours.certificate, ours.key)))
    assert [each["subject"] for each in context.get_ca_certs()]
    assert context.verify_mode is ssl.CERT_REQUIRED


# ── stamps ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("some content")
    while _touched(tmp_path / "probe") == path.stat().st_ctime_ns:
        pass  # the clock of a file system moves every few milliseconds
    return path


def _touched(path: Path) -> int:
    path.write_text("")
    return path.stat().st_ctime_ns


def test_a_change_of_mode_alone_is_seen(file: Path):
    """What could not be read before may be readable now."""
    before = stamps_of((str(file),))
    file.chmod(0o600)
    file.chmod(0o640)
    assert stamps_of((str(file),)) != before


def test_a_file_written_over_with_as_many_bytes_is_another(file: Path):
    before = stamps_of((str(file),))
    file.write_bytes(file.read_bytes()[::-1])
    assert stamps_of((str(file),)) != before


def test_a_file_that_is_put_back_with_its_old_date_is_another(file: Path):
    """Copied with ``cp -p`` by a tool that keeps dates."""
    status = file.stat()
    before = stamps_of((str(file),))
    file.write_bytes(file.read_bytes())
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamps_of((str(file),)) != before


def test_what_is_missing_has_a_stamp_too(tmp_path: Path):
    assert stamps_of((str(tmp_path / "none"), str(tmp_path))) != stamps_of((str(tmp_path / "none"),) * 2)
    assert stamps_of(()) == ()
