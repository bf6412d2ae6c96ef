"""The compiled gateway: built once for each state of the sources, and never believed unseen."""

import pytest

from bench import compiled

MAIN = "import sys\n\n\ndef main():\n    sys.stdout.write({said!r})\n"


def checkout(folder, **files):
    for path, text in {"gateway/__init__.py": "", "pyproject.toml": "", **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_what_is_built_into_the_wheel_makes_the_name_and_nothing_else_does(tmp_path):
    key = compiled._key(checkout(tmp_path))

    (tmp_path / "README.md").write_text("read me")
    assert compiled._key(tmp_path) == key
    (tmp_path / "gateway" / "new.py").write_text("x = 1")
    assert compiled._key(tmp_path) != key


@pytest.mark.parametrize(("here", "there"), [("ab", "a"), ("a", "b")])
def test_text_that_moves_from_one_file_to_another_makes_another_name(tmp_path, here, there):
    one = checkout(tmp_path / "one", **{"gateway/a.py": here, "gateway/b.py": there})
    other = checkout(tmp_path / "other", **{"gateway/a.py": there, "gateway/b.py": here})

    assert compiled._key(one) != compiled._key(other)


@pytest.mark.parametrize(
    ("said", "is_compiled"), [("gateway 1 (compiled)", True), ("gateway 1 (pure Python)", False)]
)
def test_a_gateway_is_compiled_if_it_says_so(tmp_path, said, is_compiled):
    checkout(tmp_path, **{"gateway/cli.py": MAIN.format(said=said)})

    assert compiled.is_compiled(tmp_path) == is_compiled


def test_a_gateway_that_does_not_start_is_none(tmp_path):
    checkout(tmp_path, **{"gateway/cli.py": "raise ValueError('broken')"})

    with pytest.raises(compiled.NotCompiledError, match="ValueError: broken"):
        compiled.is_compiled(tmp_path)


def test_a_build_that_is_there_is_taken_unless_it_is_pure(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "BUILDS", tmp_path / "builds")
    source = checkout(tmp_path / "source")
    built = checkout(
        tmp_path / "builds" / compiled._key(source), **{"gateway/cli.py": MAIN.format(said="compiled")}
    )

    assert compiled.folder(source) == built
    (built / "gateway" / "cli.py").write_text(MAIN.format(said="pure Python: no compiler"))
    with pytest.raises(compiled.NotCompiledError, match="says of itself: pure Python: no compiler"):
        compiled.folder(source)


def test_only_the_latest_builds_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "BUILDS", tmp_path)
    builds = [tmp_path / str(number) for number in range(6)]
    for age, build in enumerate(reversed(builds)):
        build.mkdir()
        compiled._touch(build, now_s=1_000_000.0 - age)

    compiled._forget_old_builds()

    assert sorted(tmp_path.iterdir()) == builds[2:]
