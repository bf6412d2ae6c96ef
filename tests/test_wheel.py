"""The package as it is installed: what is in it, and what runs without the repository."""

import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy import compiling, hot
from tests.processes import environment, started

ROOT = Path(__file__).parents[1]
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "gateway.yaml", "gateway", "deploy")
BUILD = "import sys; sys.path.insert(0, ''); from deploy import backend; backend.build_{}(sys.argv[1])"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
ALONE = (
    "import sys, importlib; sys.modules.update(dict.fromkeys(('mypy', 'mypyc', 'mypy_extensions', 'librt')));"
    "[importlib.import_module(name) for name in sys.argv[2:]]; from gateway.cli import main; main(['--version'])"
)


def build(kind, source, folder, **environ):
    """Build into `folder` as a build tool does; return how that ended, and what it said."""
    return subprocess.run(
        [sys.executable, "-c", BUILD.format(kind), str(folder)],
        cwd=source,
        env=environment(folder, **environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def built(kind, source, folder, **environ):
    """The same where it must succeed; return the line that tells which kind of wheel it is."""
    done = build(kind, source, folder, **environ)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("oauth-gateway: ")]
    return told[0] if told else None


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The sources, in which a module was deleted since the last builds of both kinds."""
    folder = tmp_path_factory.mktemp("source")
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    compiled = f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for library in ("lib", compiled):
        left = folder / "build" / library / "gateway" / "deleted.py"
        left.parent.mkdir(parents=True)
        left.touch()
    return folder


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    """Where the pure wheel and the source distribution are."""
    folder = tmp_path_factory.mktemp("made")
    built("sdist", source, folder)
    assert built("wheel", source, folder, GATEWAY_COMPILE="no") == (
        "oauth-gateway: pure Python wheel: GATEWAY_COMPILE=no"
    )
    return folder


@pytest.fixture(scope="module")
def compiled(made, tmp_path_factory):
    """The compiled wheel, made of nothing but the source distribution."""
    if lack := compiling.lack():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp("compiled")
    (archive,) = made.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        # Python 3.13 warns where no filter is set, and early releases of 3.11 have none.
        file.extraction_filter = getattr(tarfile, "data_filter", None)
        file.extractall(folder)
    (source,) = folder.iterdir()
    told = built("wheel", source, folder, GATEWAY_COMPILE="yes")
    assert told == f"oauth-gateway: compiled wheel, {len(hot.modules())} modules"
    (wheel,) = folder.glob("*.whl")
    return wheel


def names_in(made):
    (wheel,) = made.glob("*.whl")
    return contents(wheel)


def contents(wheel):
    with ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


def plain_contents():
    modules = {str(file.relative_to(ROOT)) for file in ROOT.glob("gateway/**/*.py")}
    return modules | {"gateway/py.typed", "gateway/demo/gateway.yaml"}


def compiled_contents():
    libraries = {str(Path(*name.split("."))) + SUFFIX for name in hot.modules()}
    return plain_contents() | libraries | {f"gateway/_compiled__mypyc{SUFFIX}"}


def test_a_wheel_holds_the_modules_that_are_there_now_and_the_example(made):
    assert names_in(made) == plain_contents()


def test_the_example_that_travels_is_the_one_at_the_top(made):
    (wheel,) = made.glob("*.whl")
    with ZipFile(wheel) as file:
        assert file.read("gateway/demo/gateway.yaml") == (ROOT / "gateway.yaml").read_bytes()
    assert not (ROOT / "gateway" / "demo" / "gateway.yaml").exists()


def test_a_source_distribution_holds_what_a_wheel_is_made_of(made):
    (archive,) = made.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}

    machinery = {str(file.relative_to(ROOT)) for file in ROOT.glob("deploy/*.py")}
    assert machinery | {"gateway.yaml", "pyproject.toml"} <= names
    assert plain_contents() - {"gateway/demo/gateway.yaml"} <= names


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


def test_an_environment_of_its_own_gets_a_command(made, tmp_path):
    """As pipx and uv install it, but for the packages that it needs: those are taken from here."""
    (wheel,) = made.glob("*.whl")
    place, home = tmp_path / "environment", tmp_path / "home"
    home.mkdir()
    commands = (
        [sys.executable, "-m", "venv", "--without-pip", place],
        [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet", "--no-index", "--no-deps", wheel],
    )  # fmt: skip
    for command in commands:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    (library,) = place.glob("lib/python*/site-packages")
    (library / "needed.pth").write_text(sysconfig.get_path("purelib"))
    example = library / "gateway" / "demo" / "gateway.yaml"

    def said(*arguments):
        return subprocess.run(
            [place / "bin" / "gateway", *arguments],
            cwd=home, env=environment(home, DEMO_SECRET="s3cr3t", PARTNER_SECRET="s3cr3t"),
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    assert "(pure Python, " in said("--version")
    assert said("check", "-c", str(example)).startswith(f"{example}: valid")


# ── the two kinds of wheel ────────────────────────────────────────────────────────────────────────


def compiler(folder, *, files=999):
    """One that takes no time: it makes empty files, and after so many of them it fails."""
    tool = folder / "cc"
    tool.write_text(
        f"""#!/bin/sh
        echo x >>{folder}/asked
        test $(wc -l <{folder}/asked) -le {files} || exit 3
        while test "$1" != -o; do shift; done
        : >"$2"
        """
    )
    tool.chmod(0o755)
    return str(tool)


def version_of(wheel, folder):
    """What `gateway --version` says where this wheel is installed, the packages of the build being gone."""
    ZipFile(wheel).extractall(folder)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder), *hot.modules()],
        cwd=folder,
        env=environment(folder, PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pure_wheel_is_for_every_machine_and_says_what_it_is(made, tmp_path):
    (wheel,) = made.glob("*.whl")

    assert wheel.name.endswith("-py3-none-any.whl")
    assert "(pure Python, " in version_of(wheel, tmp_path)


def test_a_compiled_wheel_is_for_machines_like_this_and_says_what_it_is(compiled, tmp_path):
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")

    assert compiled.name.endswith(f"-{tag}-{tag}-{platform}.whl")
    assert "(compiled, " in version_of(compiled, tmp_path)


def test_a_compiled_wheel_holds_the_library_and_an_extension_for_each_hot_module(compiled):
    assert contents(compiled) == compiled_contents()


def test_a_compiled_wheel_is_made_of_what_is_there_now(source, tmp_path):
    if lack := compiling.lack():
        pytest.skip(lack)
    built("wheel", source, tmp_path, GATEWAY_COMPILE="yes", CC=compiler(tmp_path))

    assert names_in(tmp_path) == compiled_contents()


def test_a_compiler_that_fails_half_way_leaves_a_pure_wheel(source, tmp_path):
    if lack := compiling.lack():
        pytest.skip(lack)
    told = built("wheel", source, tmp_path, CC=compiler(tmp_path, files=3))

    assert told.startswith("oauth-gateway: pure Python wheel: compiling failed: ")
    assert str(tmp_path / "cc") in told
    assert names_in(tmp_path) == plain_contents()
    assert next(tmp_path.glob("*.whl")).name.endswith("-py3-none-any.whl")


def test_a_module_that_mypyc_refuses_leaves_a_pure_wheel(source, tmp_path):
    if lack := compiling.lack():
        pytest.skip(lack)
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    with (broken / hot.files()[0]).open("a") as file:
        file.write("\n_wrong: int = ''\n")
    told = built("wheel", broken, tmp_path)

    assert told == "oauth-gateway: pure Python wheel: compiling failed: mypyc refuses a module, see above"
    assert names_in(tmp_path) == plain_contents()


def test_no_compiler_is_no_obstacle_to_a_wheel(source, tmp_path):
    told = built("wheel", source, tmp_path, CC="/nowhere/cc")

    assert told == "oauth-gateway: pure Python wheel: there is no C compiler (/nowhere/cc)"
    assert names_in(tmp_path) == plain_contents()


def test_who_demands_a_compiled_wheel_gets_no_other(source, tmp_path):
    done = build("wheel", source, tmp_path, GATEWAY_COMPILE="yes", CC="/nowhere/cc")

    assert done.returncode != 0
    assert (
        "oauth-gateway: no wheel: GATEWAY_COMPILE=yes, but there is no C compiler (/nowhere/cc)"
        in done.stderr
    )
    assert list(tmp_path.glob("*.whl")) == []


def test_who_demands_a_compiled_wheel_gets_no_other_when_compiling_fails(source, tmp_path):
    if lack := compiling.lack():
        pytest.skip(lack)
    done = build("wheel", source, tmp_path, GATEWAY_COMPILE="yes", CC=compiler(tmp_path, files=3))

    assert done.returncode != 0
    assert "oauth-gateway: no wheel: GATEWAY_COMPILE=yes, but compiling failed: " in done.stderr
    assert list(tmp_path.glob("*.whl")) == []


def test_a_wish_that_is_none_is_refused(source, tmp_path):
    done = build("wheel", source, tmp_path, GATEWAY_COMPILE="perhaps")

    assert done.returncode != 0
    assert "GATEWAY_COMPILE=perhaps: write auto, yes or no" in done.stderr


def test_an_editable_installation_is_pure_whatever_is_wished(source, tmp_path):
    built("editable", source, tmp_path, GATEWAY_COMPILE="yes")

    (wheel,) = tmp_path.glob("*.whl")
    assert "-none-any" in wheel.name
    assert not any(name.endswith(SUFFIX) for name in contents(wheel))


def test_where_the_headers_of_python_are_missing_nothing_is_compiled(tmp_path):
    told = compiling.obstacle({"CC": sys.executable}, str(tmp_path))

    assert told == f"the headers of this Python are not installed ({tmp_path})"


@pytest.mark.parametrize(
    ("environ", "is_asked_for"),
    [
        ({"GATEWAY_COMPILE": "no"}, False),
        ({"CC": "/nowhere/cc"}, False),
        ({"GATEWAY_COMPILE": "auto", "CC": "/nowhere/cc"}, False),
        ({"GATEWAY_COMPILE": "yes", "CC": "/nowhere/cc"}, True),
    ],
)
def test_mypy_is_asked_for_only_where_it_is_going_to_be_used(environ, is_asked_for, monkeypatch):
    monkeypatch.chdir(ROOT)

    assert bool(compiling.requirements(environ)) == is_asked_for
