"""The private parts of aiohttp: all that the code uses is listed, and the installed release has it."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import aiohttp.http
import aiohttp.web
import pytest

from gateway import seam
from tests.wire.certificates import Authority

ROOT = Path(__file__).parent.parent
TREES = [
    ast.parse(module.read_text())
    for folder in ("proxy", "admin")
    for module in (ROOT / "gateway" / folder).glob("*.py")
]
NODES = [node for tree in TREES for node in ast.walk(tree)]
# What every asyncio protocol and every object has anyway.
PROMISED = {"__init__", "__call__"}


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def classes(base: str) -> list[ast.ClassDef]:
    """Ours that are made of aiohttp's `base`, directly or by another one of ours."""
    every = [node for node in NODES if isinstance(node, ast.ClassDef)]
    known, found = {base}, []
    while fresh := [
        one for one in every if one not in found and {last_name(each) for each in one.bases} & known
    ]:
        found += fresh
        known |= {one.name for one in fresh}
    return found


def used_names(base: str, kind: type) -> set[str]:
    """What our classes made of `base` read, set, call or replace of `kind`."""
    nodes = [node for one in classes(base) for node in ast.walk(one)]
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute) and is_self(node.value)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return (names & seam._names(kind)) - PROMISED


def is_self(node: ast.expr) -> bool:
    return last_name(node) == "self" or (isinstance(node, ast.Call) and last_name(node.func) == "super")


def test_the_list_holds_what_is_used_of_a_connection_and_nothing_else():
    assert used_names("RequestHandler", aiohttp.web.RequestHandler) == seam.HANDLER


def test_the_list_holds_what_is_used_of_a_server_and_nothing_else():
    assert used_names("Server", aiohttp.web.Server) == seam.SERVER


def test_the_list_holds_what_is_used_of_the_parser_and_nothing_else():
    """But for the parser of upstreams' answers, which is httptools' own class."""
    found = [
        node for one in classes("RequestHandler") for node in ast.walk(one) if isinstance(node, ast.Attribute)
    ]
    assert {node.attr for node in found if last_name(node.value) == "_parser"} == seam.PARSER


def test_what_is_used_from_outside_of_a_connection_is_on_the_list_too():
    theirs = {name for name in seam._names(aiohttp.web.RequestHandler) if re.match(r"_[a-z]", name)}
    outside = [node for node in NODES if isinstance(node, ast.Attribute) and not is_self(node.value)]
    assert {node.attr for node in outside} & theirs <= seam.HANDLER


def test_the_installed_aiohttp_has_it_all():
    assert seam.refusal() is None


def test_the_releases_are_those_that_the_package_asks_for():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lowest, below = ".".join(map(str, seam.LOWEST)), ".".join(map(str, seam.BELOW))
    assert f"aiohttp>={lowest},<{below}" in wanted


@pytest.mark.parametrize("version", ["3.14.5", "3.14.6", "3.14.99", "3.14.7rc1"])
def test_a_release_that_was_tried_is_taken(version: str):
    assert seam.wrong_release(version) is None


@pytest.mark.parametrize("version", ["3.13.2", "3.14.4", "3.14", "3.15.0", "3.15.0a1", "4.0.0a1", "nonsense"])
def test_another_release_is_refused_in_one_line_that_names_the_seam(version: str):
    refusal = seam.wrong_release(version)
    assert refusal == (
        f"aiohttp {version} is installed, but only 3.14.5 up to, not including, 3.15 is known to work: the listener "
        "replaces private parts of web.RequestHandler (_messages, _parser, _waiter and others, gateway/seam.py); "
        "pip install 'aiohttp>=3.14.5,<3.15'"
    )


def test_a_part_that_is_gone_is_named():
    class Handler(aiohttp.web.RequestHandler):
        pass

    class Server:
        _loop = pre_shutdown = connection_made = connections = None

    changed = SimpleNamespace(
        __version__="3.14.9", http=aiohttp.http, web=SimpleNamespace(RequestHandler=Handler, Server=Server)
    )
    assert seam.wrong_parts(changed) == (
        "aiohttp 3.14.9 lacks what the listener uses: web.Server._connections; pip install 'aiohttp>=3.14.5,<3.15'"
    )


def test_the_tls_context_that_aiohttp_makes_for_itself_trusts_nobody_and_ours_do_as_ever(tmp_path):
    code = (
        "import os; from gateway import seam; assert seam.refusal() is None\n"
        "import ssl; from aiohttp import connector\n"
        "print(len(connector._SSL_CONTEXT_VERIFIED.get_ca_certs()), len(ssl.create_default_context().get_ca_certs()),"
        " *map(os.environ.get, ('SSL_CERT_FILE', 'SSL_CERT_DIR', 'FROZENLIST_NO_EXTENSIONS')))"
    )
    authorities = Authority.make(tmp_path).ca_file
    environ = {"PATH": "/usr/bin", "SSL_CERT_FILE": authorities}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == f"0 1 {authorities} None None\n"


CONFIG = "listen: 127.0.0.1:0\nadmin: off\nroutes: [{path: /, upstream: http://127.0.0.1:1}]\n"


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_gateway_on_the_parser_in_python_is_refused_at_the_start(tmp_path: Path, command: str):
    """Its answers differ from those that are tested, on smuggling above all."""
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", command, "-c", str(file)],
        env={"AIOHTTP_NO_EXTENSIONS": "1", "PATH": "/usr/bin"},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "gateway: aiohttp runs without its C extension, and its Python parser accepts requests that the gateway "
        "must refuse: unset AIOHTTP_NO_EXTENSIONS, or install aiohttp from a wheel\n"
    )
