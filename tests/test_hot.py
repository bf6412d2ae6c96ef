"""What is compiled in a wheel (`deploy/hot.py`): by rules that no compiler enforces."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from deploy import hot

ROOT = Path(__file__).parents[1]


def functions(tree):
    """Each function by its name, and each method by the name of its class and its own."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{part.name}", part


def called(name, function):
    """What a function calls; bare names also where they are handed on, methods not: those are for later."""
    owner = name.partition(".")[0]
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(value=ast.Name(id=whose), attr=method):
                    yield f"{owner if whose in ('self', 'cls') else whose}.{method}"


def recursive(source):
    """The functions of a module that lead back to themselves."""
    calls = {name: set(called(name, one)) for name, one in functions(ast.parse(source))}
    reached = {name: ahead & calls.keys() for name, ahead in calls.items()}
    for _ in calls:
        reached = {name: ahead.union(*map(reached.get, ahead)) for name, ahead in reached.items()}
    return sorted(name for name, ahead in reached.items() if name in ahead)


@pytest.mark.parametrize("file", hot.files())
def test_nothing_that_is_compiled_recurses(file):
    """Compiled, it would have no limit: a deep document would end the process."""
    assert recursive((ROOT / file).read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "def walk(tree): return [walk(one) for one in tree]",
        "def walk(tree): return list(map(walk, tree))",
        "class Reader:\n def walk(self, tree): return self.walk(tree[0])",
        "def even(n): return odd(n)\ndef odd(n): return even(n)",
    ],
)
def test_recursion_is_found(source):
    assert recursive(source)


def test_each_module_stands_once():
    assert len(set(hot.modules())) == len(hot.modules())


@pytest.mark.parametrize("file", hot.files())
def test_what_is_compiled_needs_no_package_of_the_compiler(file):
    """Such an import would be one more dependency; what mypy has to know stands behind TYPE_CHECKING."""
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.parse((ROOT / file).read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not imported & {"mypy_extensions", "librt", "mypyc"}


def classes(file):
    """Each class of a module with what it derives from, as `module.Name` where that was imported by its name."""
    tree = ast.parse(file.read_text())
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names = [name.id for base in node.bases for name in ast.walk(base) if isinstance(name, ast.Name)]
            yield node.name, {imported.get(name, name) for name in names}


def test_no_class_that_stays_interpreted_derives_from_a_compiled_one():
    """Python refuses it when such a class is first made; a Protocol may be a base."""
    compiled = {
        f"{module}.{name}"
        for module, file in zip(hot.modules(), hot.files(), strict=True)
        for name, bases in classes(ROOT / file)
        if "typing.Protocol" not in bases
    }
    derived = {
        (str(file.relative_to(ROOT)), name)
        for file in ROOT.glob("gateway/**/*.py")
        if str(file.relative_to(ROOT)) not in hot.files()
        for name, bases in classes(file)
        if bases & compiled
    }

    assert derived == set()
