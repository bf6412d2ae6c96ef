"""Whoever follows a link, a path or a name of a module gets there."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import bench
import gateway
from tests.docs.pages import PAGES, ROOT, code_spans, name, prose

PACKAGES = sorted(module.name for module in iter_modules(gateway.__path__) if module.ispkg)


def slug(heading):
    """The anchor that GitHub makes of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(page):
    found = set()
    for heading in re.findall(r"(?m)^#{1,6} +(.*?)#*$", prose(page)):
        anchor, number = slug(heading), 0
        while anchor in found:
            number += 1
            anchor = f"{slug(heading)}-{number}"
        found.add(anchor)
    return found


def links(page):
    """Where a page's links lead, but for those to other sites."""
    text = re.sub(r"`[^`]*`", "", prose(page))
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?m)^\[[^\]]+\]: +(\S+)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def is_dead(page, link):
    path, _, anchor = link.partition("#")
    there = (page.parent / path).resolve() if path else page
    if not there.exists():
        return True
    return bool(anchor) and (there.suffix != ".md" or anchor not in anchors(there))


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("How it works", "how-it-works"),
        ("Before a change: `gateway check`", "before-a-change-gateway-check"),
        ("When the upstream says 401", "when-the-upstream-says-401"),
        ("[Errors](errors.md) & more", "errors--more"),
    ],
)
def test_an_anchor_is_what_github_makes_of_a_heading(heading, anchor):
    assert slug(heading) == anchor


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    assert [link for link in links(page) if is_dead(page, link)] == []


def test_every_page_can_be_reached_from_the_readme():
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page not in seen and page.exists():
            seen.add(page)
            ahead += [
                (page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"
            ]

    assert [name(page) for page in PAGES if page not in seen] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_a_page_names_exists(page):
    pattern = re.compile(r"(gateway|tests|bench|docs|deploy|examples|\.ci)/[\w./-]*\w")
    named = [span for span in code_spans(page) if pattern.fullmatch(span)]

    ignored = (ROOT / ".gitignore").read_text().split()
    made = {path.rstrip("/") for path in ignored} | {"bench/.venv"}  # by a run, not by us
    assert [path for path in named if path not in made and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_nothing_is_left_to_be_filled_in(page):
    assert re.findall(r"@[A-Z_]{3,}@|\b(?:TODO|TBD|FIXME|XXX)\b", page.read_text()) == []


# ── the map in the code ───────────────────────────────────────────────────────────────────────────


def resolves(dotted):
    """Whether `package.module.Class.method` is there."""
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(["gateway", *parts[:size]]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def names_of_modules(text):
    packages = "|".join(PACKAGES)
    return sorted(set(re.findall(rf"\b(?:{packages})(?:\.\w+)+", text)))


def test_every_module_that_the_map_names_exists():
    named = names_of_modules(gateway.__doc__)

    assert "proxy.handler.Handler.handle" in named
    assert [dotted for dotted in named if not resolves(dotted)] == []


def test_every_package_is_on_the_map():
    assert [each for each in PACKAGES if not re.search(rf"\b{each}\b", gateway.__doc__)] == []


def modules_below(package):
    """The rooms and files of a package."""
    return {module.name for module in iter_modules(import_module(package).__path__) if module.name[0] != "_"}


def test_every_file_beside_the_rooms_is_on_the_map():
    assert {
        each for each in modules_below("gateway") if not re.search(rf"\b{each}\b", gateway.__doc__)
    } == set()


def section(title):
    notes = (ROOT / "docs" / "design-notes.md").read_text()
    return notes.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def named_in(title):
    """The first parts of the paths between backquotes in a section of the design notes."""
    return {span.partition("/")[0] for span in re.findall(r"`([\w/]+)`", section(title))}


def test_the_design_notes_draw_every_room():
    assert modules_below("gateway") - named_in("The rooms") == set()
    assert {"core/http", "core/oauth"} <= set(re.findall(r"`([\w/]+)`", section("The rooms")))


def test_the_design_notes_draw_every_room_of_the_configuration():
    rooms = {module.name for module in iter_modules(import_module("gateway.config").__path__) if module.ispkg}

    assert rooms - named_in("The rooms of the configuration") == set()


def docstrings(file):
    tree = ast.parse(file.read_text())
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]


NO_MODULES = {"gateway.yaml", "tls.ca", "tls.certificate", "tls.key", "tls.min_version", "tls.server_name"}
"""A file, and keys of it that begin like a package."""


def references(file):
    """The names in backquotes that begin with one of our packages."""
    spans = [span for text in docstrings(file) for span in re.findall(r"`{1,2}([\w.]+)`{1,2}", text)]
    names = [span.removeprefix("gateway.") for span in spans if span not in NO_MODULES]
    return [dotted for dotted in names if names_of_modules(dotted) == [dotted]]


def test_every_module_that_a_docstring_refers_to_exists():
    files = sorted(Path(gateway.__file__).parent.rglob("*.py"))
    found = [(name(file), dotted) for file in files for dotted in references(file)]

    assert len(found) > 5
    assert [(file, dotted) for file, dotted in found if not resolves(dotted)] == []


def test_every_module_that_the_benchmarks_map_names_exists():
    modules = {module.name for module in iter_modules(bench.__path__)}
    named = set(re.findall(r"(?<!`)`(\w+)`(?!`)", bench.__doc__))

    assert len(named) > len(modules) / 2
    assert named - modules == set()
