"""Which of file and variable holds the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.config_place import ConfigVariable, NoConfigPlace, config_place, is_name_of_file

TEXT = {"GATEWAY_CONFIG": "routes: []"}
FILE = {"GATEWAY_CONFIG_FILE": "/a/b.yaml"}
EMPTY = {"GATEWAY_CONFIG": "", "GATEWAY_CONFIG_FILE": ""}


@pytest.mark.parametrize(
    ("file", "is_in_environment", "environ", "expected"),
    [
        (None, False, {}, Path("gateway.yaml")),
        (None, False, EMPTY, Path("gateway.yaml")),
        (None, False, FILE, Path("/a/b.yaml")),
        (None, False, TEXT, ConfigVariable()),
        (None, False, TEXT | FILE, ConfigVariable()),
        (None, False, EMPTY | FILE, Path("/a/b.yaml")),
        (None, True, TEXT | FILE, ConfigVariable()),
        ("c.yaml", False, {}, Path("c.yaml")),
        ("c.yaml", False, TEXT | FILE, Path("c.yaml")),
    ],
)
def test_the_first_that_is_given_is_taken(file, is_in_environment, environ, expected):
    found = config_place(file, is_in_environment, environ)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("file", "is_in_environment", "environ", "why"),
    [
        ("c.yaml", True, TEXT, "give one of them"),
        (None, True, {}, "GATEWAY_CONFIG is not set"),
        (None, True, EMPTY | FILE, "GATEWAY_CONFIG is empty"),
        (None, False, {"GATEWAY_CONFIG_FILE": "a: hunter2\n"}, "text belongs in GATEWAY_CONFIG$"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_showing_it(file, is_in_environment, environ, why):
    with pytest.raises(NoConfigPlace, match=why) as caught:
        config_place(file, is_in_environment, environ)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["/etc/gateway.yaml", "a.yml\n", "gateway.json"])
def test_the_name_of_a_file_is_told_from_a_text(text):
    assert is_name_of_file(text)


@pytest.mark.parametrize("text", ["{}", "routes: a.yaml", "a\nb.yaml", "yaml", "", "{routes: a.json}"])
def test_a_text_is_told_from_the_name_of_a_file(text):
    assert not is_name_of_file(text)
