"""`deploy/Containerfile`: it builds, and what it builds runs as its user from a root that nobody can write to.

Needs no engine and no registry of images: buildah builds, on a base of Debian's packages, from wheels that
are fetched before; namespaces of the kernel run it. Compiling is left out, as `test_wheel.py` proves it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gateway.config import load
from tests.processes import RunningGateway, write_configuration
from tests.real.programs import free_port
from tests.wire.caller import RawCaller
from tests.wire.messages import request

ROOT = Path(__file__).parents[1]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
COMPOSE = ROOT / "deploy" / "compose"
IN_PACKAGES = "dash,coreutils,grep,sed,findutils,base-files,python3,python3-venv"
LOCKS = ("deploy/requirements.txt", "deploy/build-requirements.txt")
# Every mount is gone with the namespace. The root is the last that becomes read-only, the configuration's stays so.
ENTER = """
mount --bind "$ROOTFS" "$ROOTFS"
mount --bind "$CONFIGURATION" "$ROOTFS/etc/gateway"
mount --bind /dev "$ROOTFS/dev"
mount -t proc proc "$ROOTFS/proc"
mount -o remount,bind,ro "$ROOTFS"
exec setpriv --no-new-privs chroot --userspec="$AS_USER" --groups= "$ROOTFS" "$@"
"""


def missing():
    programs = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux"}
    packages = [package for program, package in programs.items() if shutil.which(program) is None]
    if packages:
        return f"not installed (Debian: apt-get install {' '.join(packages)})"
    return None if os.getuid() == 0 else "needs root, for namespaces and a base image"


needs_buildah = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def ran(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


def fetched(*command):
    """Run what asks a registry; where there is none the tests skip, except in CI."""
    try:
        ran(*command)
    except AssertionError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(f"packages cannot be had: {error}")


@dataclass(frozen=True)
class Image:
    """What was built: its settings, and its files."""

    config: dict
    files: Path

    def python(self, home, text):
        """Run some Python in it, as its user."""
        return ran(*self.entered(), "/usr/bin/python3", "-c", text, env=self.environ(home))

    def entered(self):
        return "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", ENTER, "sh"

    def environ(self, home):
        given = dict(pair.split("=", 1) for pair in self.config["Env"])
        return {
            **given,
            "ROOTFS": str(self.files),
            "CONFIGURATION": str(home),
            "AS_USER": self.config["User"],
        }


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("container")
    store = ("buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run"))
    fetched(
        "mmdebstrap",
        "--quiet",
        "--variant=extract",
        f"--include={IN_PACKAGES}",
        "bookworm",
        folder / "base.tar",
    )
    scratch = ran(*store, "from", "scratch")
    ran(*store, "add", scratch, folder / "base.tar", "/")
    ran(*store, "commit", "--rm", scratch, "localhost/base")
    for lock in LOCKS:
        fetch_wheels(ROOT / lock, folder / "wheels")
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /fetched\n")
    ran(
        *store, "bud", "--isolation", "chroot", "--format", "docker", "--pull-never", "--tag", "localhost/gateway",
        "--build-arg", "BASE=localhost/base", "--build-arg", "GATEWAY_COMPILE=no",
        "--volume", f"{folder}/pip.conf:/etc/pip.conf:ro", "--volume", f"{folder}/wheels:/fetched:ro",
        "--ignorefile", f"{CONTAINERFILE}.dockerignore", "--file", CONTAINERFILE, ROOT,
    )  # fmt: skip
    config = json.loads(ran(*store, "inspect", "--type", "image", "localhost/gateway"))["Docker"]["config"]
    container = ran(*store, "from", "--pull-never", "localhost/gateway")
    yield Image(config, Path(ran(*store, "mount", container)))
    ran(*store, "umount", container)
    shutil.rmtree(folder)  # half a GiB


def fetch_wheels(lock, folder):
    """Fetch what the base image's Python, that of Debian 12, is going to install."""
    fetched(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes",
        "--no-deps", "--only-binary=:all:", "--python-version=3.11", "--dest", folder, "--requirement", lock,
    )  # fmt: skip


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")

    assert subprocess.run([hadolint, CONTAINERFILE], capture_output=True, text=True, check=False).stdout == ""


@needs_buildah
def test_the_image_says_how_it_is_run(image):
    user, _, group = image.config["User"].partition(":")
    assert (int(user), int(group)) > (0, 0)
    assert image.config["Entrypoint"] == ["/opt/gateway/bin/gateway"]
    assert image.config["Cmd"] == ["run"]
    assert "GATEWAY_CONFIG_FILE=/etc/gateway/gateway.yaml" in image.config["Env"]
    assert image.config["Healthcheck"]["Test"] == ["CMD", "/opt/gateway/bin/gateway", "healthy"]
    assert all(int(port.partition("/")[0]) >= 1024 for port in image.config["ExposedPorts"])
    assert not image.config.get("Volumes")
    version = re.search(r'__version__ = "(.*)"', (ROOT / "gateway" / "__init__.py").read_text())[1]
    assert image.config["Labels"]["org.opencontainers.image.version"] == version


@needs_buildah
def test_nothing_in_it_installs_packages_or_is_left_of_the_build(image):
    names = {str(file.relative_to(image.files)) for file in image.files.rglob("*")}

    assert not {name for name in names if re.search(r"(^|/)(pip|ensurepip|setuptools|mypy)(-|$)", name)}
    assert not {name for name in names if name.startswith(("src/", "build/", "opt/gateway/bin/activate"))}


@needs_buildah
def test_everything_is_compiled_to_byte_code_and_belongs_to_root(image):
    installed = image.files / "opt" / "gateway"
    modules = [file for file in installed.rglob("*.py") if file.stat().st_size]
    cached = [file.parent / "__pycache__" / f"{file.stem}.cpython-311.pyc" for file in modules]

    assert [str(file) for file in cached if not file.exists()] == []
    assert {file.lstat().st_uid for file in installed.rglob("*")} == {0}
    assert [
        file for file in installed.rglob("*") if not file.is_symlink() and file.stat().st_mode & 0o022
    ] == []
    assert (image.files / "usr/lib/python3.11/asyncio/__pycache__/events.cpython-311.pyc").exists()


@needs_buildah
def test_its_user_can_write_nowhere(image, tmp_path):
    attempt = "open('/tmp/attempt', 'w')"
    text = f"import os\nprint(os.getuid(), os.getgroups())\ntry:\n    {attempt}\nexcept OSError as e:\n    print(e.errno)"

    assert image.python(tmp_path, text).splitlines() == ["65532 []", "30"]  # EROFS


class Contained(RunningGateway):
    """Signals go to the gateway: the kernel forgets `--kill-child` when a process changes its user."""

    @property
    def pid(self) -> int:
        (first,) = map(int, Path(f"/proc/{super().pid}/task/{super().pid}/children").read_text().split())
        return first

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)


@asynccontextmanager
async def in_container(image, home, *arguments):
    process = await asyncio.create_subprocess_exec(
        *image.entered(), *image.config["Entrypoint"], *arguments,
        env=image.environ(home), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    child = Contained(process)
    try:
        yield child
    finally:
        if process.returncode is None:
            child.signal(signal.SIGKILL)
        await child.ended()


def write_files(home, upstream, authorization_server):
    """A configuration as it is mounted; the image's user can read it, and the secret beside it."""
    (home / "client_secret").write_text("s3cr3t")
    client = {
        "token_endpoint": authorization_server.endpoint,
        "client_id": "mobile_android",
        "client_secret": "${file:client_secret}",
    }
    route = {"path": "/", "upstream": f"http://127.0.0.1:{upstream.port}", "client": "crm"}
    document = {"admin": f"127.0.0.1:{free_port()}", "clients": {"crm": client}, "routes": [route]}
    write_configuration(home, document)
    for file in home.iterdir():
        file.chmod(0o444)
    home.chmod(0o755)


@needs_buildah
async def test_it_serves_without_a_file_what_a_variable_holds(image, tmp_path):
    routes = [{"path": "/", "upstream": "http://127.0.0.1:9"}]
    text = json.dumps({"listen": "127.0.0.1:0", "admin": "off", "routes": routes})
    tmp_path.chmod(0o755)
    image.config["Env"].append(f"GATEWAY_CONFIG={text}")
    try:
        async with in_container(image, tmp_path, *image.config["Cmd"]) as child:
            await child.until_told("listening on")
            child.signal(signal.SIGTERM)
            assert await child.ended() == 0
    finally:
        image.config["Env"].pop()


@needs_buildah
async def test_it_serves_and_is_well_from_a_root_that_it_cannot_write_to(
    image, tmp_path, upstream, authorization_server
):
    write_files(tmp_path, upstream, authorization_server)
    async with in_container(image, tmp_path, *image.config["Cmd"]) as child:
        await child.until_listening()
        caller = await RawCaller.connect(child.address)
        served = await caller.ask(request("GET", "/crm", "Host: localhost"))
        await caller.close()
        first = child.pid
        status = Path(f"/proc/{first}/status").read_text()
        await asyncio.to_thread(
            ran, "nsenter", "--target", str(first), "--mount", "--pid", "--root",
            "--setuid", "65532", "--setgid", "65532",
            *image.config["Healthcheck"]["Test"][1:], env=image.environ(tmp_path),
        )  # fmt: skip
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0

    assert served.status == 200
    assert upstream.tokens == ["token_1"]
    assert re.search(r"Uid:\s+65532\s+65532\s+65532\s+65532", status)
    assert re.search(r"CapEff:\s+0+\n", status)
    assert re.search(r"NSpid:\s+\d+\s+1\n", status)


# ── compose ───────────────────────────────────────────────────────────────────────────────────────


def test_the_sidecar_of_compose_has_the_applications_network_and_may_do_nothing_else():
    services = YAML(typ="safe", pure=True).load(COMPOSE / "compose.yaml")["services"]
    gateway = services["gateway"]

    assert gateway["network_mode"] == "service:app"
    assert "ports" not in gateway
    assert (gateway["read_only"], gateway["cap_drop"]) == (True, ["ALL"])
    assert "depends_on" not in services["app"]  # it would be a ring


def test_what_compose_mounts_is_a_configuration(tmp_path):
    text = (COMPOSE / "gateway" / "gateway.yaml").read_text()
    (tmp_path / "crm_secret").write_text("s3cr3t")
    file = tmp_path / "gateway.yaml"
    file.write_text(text.replace("/run/secrets", str(tmp_path)))

    settings = load(file, {})
    assert settings.grace_s < 10  # stop_grace_period
    assert settings.listeners[0].address.host == "127.0.0.1"
