"""The package as it is installed: what is in it, and what runs without the repository."""

import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.processes import started

ROOT = Path(__file__).parents[1]
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "gateway.yaml", "gateway", "deploy")
BUILD = "from setuptools import build_meta as b; b.build_sdist({0!r}); b.build_wheel({0!r})"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The sources, in which a module was deleted since the last build."""
    folder = tmp_path_factory.mktemp("source")
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    left = folder / "build" / "lib" / "gateway" / "deleted.py"
    left.parent.mkdir(parents=True)
    left.touch()
    return folder


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    """Where the wheel and the source distribution are."""
    folder = tmp_path_factory.mktemp("made")
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(str(folder))],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return folder


def names_in(made):
    (wheel,) = made.glob("*.whl")
    with ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


def test_a_wheel_holds_the_modules_that_are_there_now_and_the_example(made):
    modules = {str(file.relative_to(ROOT)) for file in ROOT.glob("gateway/**/*.py")}

    assert names_in(made) == modules | {"gateway/py.typed", "gateway/demo/gateway.yaml"}


def test_the_example_that_travels_is_the_one_at_the_top(made):
    (wheel,) = made.glob("*.whl")
    with ZipFile(wheel) as file:
        assert file.read("gateway/demo/gateway.yaml") == (ROOT / "gateway.yaml").read_bytes()
    assert not (ROOT / "gateway" / "demo" / "gateway.yaml").exists()


def test_a_source_distribution_holds_what_a_wheel_is_made_of(made):
    (archive,) = made.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}

    assert {"gateway.yaml", "deploy/wheel.py", "pyproject.toml"} <= names


async def test_the_demo_runs_where_there_is_no_repository(made, tmp_path, demo_ports):
    (wheel,) = made.glob("*.whl")
    installed, home = tmp_path / "installed", tmp_path / "home"
    home.mkdir()
    ZipFile(wheel).extractall(installed)
    async with started(home, "demo", environ={"PYTHONPATH": str(installed)}) as child:
        banner = await child.until_printed("Ctrl-C ends it")
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0

    assert f"configuration is {installed}/gateway/demo/gateway.yaml\n" in banner
