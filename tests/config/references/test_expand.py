from __future__ import annotations

import pytest

from gateway.config.references.expand import ReferenceValues, expand
from gateway.config.tree import plain
from gateway.config.values.filled import Filled
from gateway.config.yaml.parse import parse


def expanded(text: str, folder, environ=None):
    root, _ = parse(text)
    return expand(root, ReferenceValues(environ or {}, folder))


def test_every_text_value_may_hold_references_and_no_key_does(tmp_path):
    (tmp_path / "f").write_text("from file\n")
    root, findings = expanded(
        "'${env:A}': ['${env:A}', x, {b: 'a${file:f}b'}, 1]", tmp_path, {"A": "from environment"}
    )
    assert plain(root) == {"${env:A}": ["from environment", "x", {"b": "afrom fileb"}, 1]}
    assert findings == []


def test_escapes_are_taken_out_also_where_nothing_is_referred_to(tmp_path):
    root, findings = expanded("a: $${env:A}", tmp_path)
    assert (plain(root), findings) == ({"a": "${env:A}"}, [])


def test_what_comes_out_is_a_text_whatever_it_looks_like(tmp_path):
    root, _ = expanded("a: ${env:A}", tmp_path, {"A": "123"})
    assert plain(root) == {"a": "123"}


@pytest.mark.parametrize(
    ("environ", "value"), [({}, "b"), ({"A": ""}, "b"), ({"A": "a"}, "a"), ({"A": " "}, " ")]
)
def test_a_default_stands_for_a_variable_that_is_missing_or_empty(tmp_path, environ, value):
    root, findings = expanded("a: ${env:A:-b}", tmp_path, environ)
    assert (plain(root), findings) == ({"a": value}, [])


def test_an_empty_default_makes_a_part_of_a_text_optional(tmp_path):
    root, findings = expanded("a: x${env:A:-}y", tmp_path)
    assert (plain(root), findings) == ({"a": "xy"}, [])


def test_only_what_references_gave_is_marked(tmp_path):
    root, _ = expanded("{a: '${env:A:-4}', b: '$${4}', c: '4'}", tmp_path)
    kinds = {key: type(entry.node.value) for key, entry in root.entries.items()}
    assert kinds == {"a": Filled, "b": str, "c": str}


def test_an_absolute_file_is_not_looked_for_beside_the_configuration(tmp_path):
    (tmp_path / "f").write_text("x")
    root, _ = expanded(f"a: ${{file:{tmp_path}/f}}", tmp_path / "elsewhere")
    assert plain(root) == {"a": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${env:A}", "the environment variable A is not set"),
        ("${env:EMPTY}", "the environment variable EMPTY is empty"),
        ("${file:f}", "{folder}/f cannot be read: No such file or directory"),
        ("${file:.}", "{folder} cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_looked_up_is_found_where_it_is_used(tmp_path, text, message):
    _, findings = expanded(f"a: [1, '{text}']", tmp_path, {"EMPTY": ""})
    assert [(finding.loc, finding.message) for finding in findings] == [
        (("a", 1), message.format(folder=tmp_path))
    ]


def test_all_that_is_missing_is_found_at_once(tmp_path):
    _, findings = expanded("{a: '${env:A}', b: '${env:B}', c: '${env:C'}", tmp_path)
    assert [finding.loc for finding in findings] == [("a",), ("b",), ("c",)]


def test_sources_show_no_environment(tmp_path):
    assert "hunter2" not in repr(ReferenceValues({"A": "hunter2"}, tmp_path))
