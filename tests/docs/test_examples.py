"""What the pages tell people to type can be typed."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict

import click
import pytest

from bench.__main__ import _parser
from gateway.cli.commands import main
from gateway.config import load
from gateway.demo.banner import Cast, banner
from gateway.demo.run import DemoOptions
from gateway.demo.users import users_through
from tests.docs.pages import PAGES, ROOT, blocks, code_spans, name

SHELL = ("sh", "bash", "console", "shell")
README = ROOT / "README.md"


def typed(page):
    """Every line of shell: in blocks, indented, and between backquotes; without comments and prompts."""
    lines = [line for block in blocks(page, *SHELL) for line in block.text.splitlines()]
    lines += re.findall(r"(?m)^ {4,}(.+)$", page.read_text())
    return [line.strip().removeprefix("$ ") for line in lines] + code_spans(page)


def commands(page, program):
    """The words behind a program's name, each time it is called."""
    for line in typed(page):
        if re.match(rf"(\S*/)?{program}( |$)", line):
            yield shlex.split(re.sub(r"[\[\]]", "", line), comments=True)[1:]


CONTEXT = click.Context(main)
COMMANDS = {each: main.get_command(CONTEXT, each) for each in main.list_commands(CONTEXT)}


def fault(words):
    """What the command line says about words, without doing anything."""
    if words[0].startswith("-"):
        known = {option for parameter in main.params for option in parameter.opts}
        return None if words[0] in known else f"there is no option {words[0]}"
    try:
        command = COMMANDS[words[0]]
    except KeyError:
        return f"there is no command {words[0]}"
    try:
        if len(words) > 1:  # else the text only names it
            command.make_context(words[0], words[1:]).close()
    except click.UsageError as error:
        return f"{words}: {error.format_message()}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_exists_with_its_options(page):
    faults = [fault(words) for words in commands(page, "gateway") if words]

    assert [one for one in faults if one] == []


def test_every_command_is_told_of_somewhere():
    told = {words[0] for page in PAGES for words in commands(page, "gateway") if words}

    assert told >= set(COMMANDS)


def test_a_command_that_does_not_exist_would_be_found():
    assert fault(["explian"]) == "there is no command explian"
    assert fault(["--verison"]) == "there is no option --verison"
    assert "No such option" in fault(["run", "--port", "1"])
    assert "Missing argument" in fault(["explain", "GET"])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_target_of_make_exists(page):
    known = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))
    asked = {word for words in commands(page, "make") for word in words if "=" not in word}

    assert asked - known == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_option_of_the_benchmark_exists(page):
    for words in commands(page, "python"):
        if words[:2] == ["-m", "bench"]:
            assert _parser().parse_args(words[2:])


# ── gateway.yaml ──────────────────────────────────────────────────────────────────────────────────

# Those of some pages are loaded by tests of their own, where there is more to say about them.
ELSEWHERE = (
    "docs/configuration.md",
    "docs/client-authentication/",
    "docs/recipes.md",
    "docs/legacy-logins.md",
    "docs/identity-jwt.md",
)
EXAMPLES = [
    block
    for page in PAGES
    if not name(page).startswith(ELSEWHERE)
    for block in blocks(page, "yaml")
    if "routes:" in block.text
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_of_a_configuration_loads(tmp_path, example):
    file = tmp_path / "gateway.yaml"
    file.write_text(example.text)
    environ = defaultdict(
        lambda: "s3cr3t", dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", example.text), "s3cr3t")
    )

    assert load(file, environ).routes


def test_the_readme_has_an_example():
    assert [example for example in EXAMPLES if example.page == "README.md"]


# ── what the README shows of the demo ─────────────────────────────────────────────────────────────


def test_the_readme_asks_only_what_the_demo_says_to_ask():
    options = DemoOptions()
    cast = Cast(
        options.gateway_url,
        options.admin_url,
        f"http://127.0.0.1:{options.authorization_server_port}",
        f"http://127.0.0.1:{options.legacy_service_port}",
        options.lifetime_s,
        options.configuration,
    )
    asked = {word for words in commands(README, "curl") for word in words if word.startswith("http")}

    assert asked
    assert {url for url in asked if url not in banner(cast)} == set()


def test_the_readme_shows_what_the_demo_answers():
    answers = [json.loads(line) for line in re.findall(r'(?m)^\{"client":.*\}$', README.read_text())]

    assert answers
    for answer in answers:
        assert list(answer) == ["client", "users", "token_number", "token_client"]
        assert answer["users"] == users_through(answer["client"])
