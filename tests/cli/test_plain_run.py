"""What is read of a command line without click, is what click reads."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.commands import main
from gateway.cli.plain_run import plain_run
from gateway.core.config_place import ConfigVariable

TEXT = {"GATEWAY_CONFIG": "listen: 127.0.0.1:80"}
WORDS = ["run", "check", "-c", "--config", "--env-config", "--help", "-h", "--", "", "-", "-x", "a.yaml"]
WORDS += ["--version", "--config=a.yaml", "-ca.yaml", "--conf", "é.yaml", "two words"]


@pytest.mark.parametrize(
    ("words", "environ", "place"),
    [
        (["run"], {}, Path("gateway.yaml")),
        (["run"], {"GATEWAY_CONFIG_FILE": "b.yaml"}, Path("b.yaml")),
        (["run"], TEXT, ConfigVariable()),
        (["run", "--env-config"], TEXT, ConfigVariable()),
        (["run", "-c", "a.yaml"], TEXT, Path("a.yaml")),
        (["run", "--config", "a.yaml"], {}, Path("a.yaml")),
    ],
)
def test_plain_ways_to_run_are_read(words, environ, place):
    assert plain_run(words, environ) == place


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        ([], {}),
        (["check", "-c", "a.yaml"], {}),
        (["run", "-c"], {}),
        (["run", "-c", ""], {}),
        (["run", "-c", "--help"], {}),
        (["run", "--env-config"], {}),
        (["run", "--env-config"], {"GATEWAY_CONFIG": ""}),
        (["run", "-c", "a.yaml", "--env-config"], TEXT),
        (["run"], {"GATEWAY_CONFIG_FILE": "two\nlines"}),
    ],
)
def test_all_else_is_left_to_click(words, environ):
    assert plain_run(words, environ) is None


@given(st.lists(st.sampled_from(WORDS), max_size=5), st.sampled_from([{}, TEXT]))
def test_what_is_read_is_what_click_reads(words, environ):
    place = plain_run(words, environ)
    if place is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("GATEWAY_CONFIG", "GATEWAY_CONFIG_FILE"):
            patch.delenv(variable, raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        context = main.make_context("gateway", list(words))
        command = main.get_command(context, "run")
        assert isinstance(command, click.Command)
        assert command.make_context("run", words[1:], parent=context).params == {"config": place}
