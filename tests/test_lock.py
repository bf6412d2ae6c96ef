"""What CI and a release install: pinned, hashed, from nowhere in particular, and what `pyproject.toml` asks for."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OF_A_RELEASE = ROOT / "deploy" / "requirements.txt"
OF_A_BUILD = ROOT / "deploy" / "build-requirements.txt"
OF_CI = ROOT / ".ci" / "requirements.txt"
ASKED = PROJECT["project"]["dependencies"]
EXTRAS = [one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra]
GROUPS = [one for group in PROJECT["dependency-groups"].values() for one in group]
BUILDING = [*GROUPS, *PROJECT["build-system"]["requires"]]
PINNED = re.compile(r"[a-z0-9-]+==[\w.]+( ; [\w.\s'!=<>()]+)?(\n--hash=sha256:[0-9a-f]{64})+")


def entries(file):
    """Each requirement with its hashes, one per line below it."""
    text = re.sub(r" \\\n +", "\n", re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE))
    return re.split(r"\n(?=[a-z])", text.strip())


def pins(file):
    """By its name the release of each."""
    found = [Requirement(entry.partition("\n")[0]) for entry in entries(file)]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in found}


@pytest.mark.parametrize("file", [OF_A_RELEASE, OF_A_BUILD, OF_CI], ids=["release", "build", "ci"])
def test_every_line_is_one_release_with_its_hashes_and_names_no_index(file):
    for entry in entries(file):
        assert PINNED.fullmatch(entry), entry.partition("\n")[0]


@pytest.mark.parametrize(
    ("file", "asked"),
    [(OF_A_RELEASE, ASKED), (OF_A_BUILD, BUILDING), (OF_CI, [*ASKED, *EXTRAS, *BUILDING])],
    ids=["release", "build", "ci"],
)
def test_what_the_project_asks_for_is_there_in_a_release_that_fits(file, asked):
    locked = pins(file)
    for one in map(Requirement, asked):
        assert one.specifier.contains(locked[canonicalize_name(one.name)]), f"{one}: make lock"


@pytest.mark.parametrize("file", [OF_A_RELEASE, OF_A_BUILD], ids=["release", "build"])
def test_ci_tests_the_releases_that_a_release_installs_and_is_built_with(file):
    assert pins(file).items() <= pins(OF_CI).items()


def test_what_is_installed_here_is_what_is_locked():
    here = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    other = {
        name: (there, here[name]) for name, there in pins(OF_CI).items() if here.get(name, there) != there
    }
    assert not other, f"make test installs what is locked: {other}"


def test_what_the_gateway_needs_is_locked_to_the_last_dependency():
    locked, seen, left = pins(OF_A_RELEASE), set(), list(map(Requirement, ASKED))
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        assert name in locked, f"{name}: make lock"
        if (name, *one.extras) not in seen:
            seen.add((name, *one.extras))
            left += needs(name, one.extras or {""})
    assert len(seen) > len(ASKED)


def needs(name, extras):
    asked = map(Requirement, metadata.requires(name) or ())
    return [
        one
        for one in asked
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]
