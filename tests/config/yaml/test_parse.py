from __future__ import annotations

from textwrap import dedent

import pytest

from gateway.config.problems import BadText, Mistake, Place
from gateway.config.tree import Leaf, find, plain
from gateway.config.yaml.parse import parse


def test_a_document_becomes_a_tree_of_its_values():
    root, findings = parse("a: [1, two, {b: true}]\n'c': \"no\"\nd: |\n  x\n")
    assert plain(root) == {"a": [1, "two", {"b": True}], "c": "no", "d": "x\n"}
    assert findings == []


def test_every_node_knows_its_place():
    root, _ = parse("a:\n  - b: 1\n    c: [x, yy]\n")
    spot = find(root, ("a", 0, "c", 1))
    assert spot.node.place == Place(3, 12)
    assert find(root, ("a", 0, "c")).key_place == Place(3, 5)
    assert find(root, ("a",)).key_place == Place(1, 1)


def test_columns_count_characters_also_beyond_ascii():
    root, _ = parse("é: {☃: x}\n")
    assert find(root, ("é", "☃")).node.place == Place(1, 8)


def test_a_place_that_leads_nowhere_is_followed_as_far_as_it_goes():
    root, _ = parse("a: {b: [1]}\n")
    assert find(root, ("a", "b", 5, "c")).loc == ("a", "b")
    assert find(root, ("a", "x", "b")).loc == ("a",)
    assert find(root, ("a", "b", 0, "c")).loc == ("a", "b", 0)


def test_an_alias_stands_at_its_own_place():
    root, _ = parse("a: &x {b: 1}\nc: *x\n")
    assert find(root, ("c",)).node.place == Place(2, 4)
    assert plain(root) == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_key_that_stands_twice_is_found_where_it_stands_the_second_time():
    root, findings = parse("a: 1\nb: 2\na: 3\n")
    assert plain(root) == {"a": 1, "b": 2}
    assert findings == [
        Mistake(("a",), "duplicate key, first on line 1", is_about_key=True, place=Place(3, 1))
    ]


def test_keys_are_twice_the_same_whatever_their_quotes():
    _, findings = parse("a: 1\n'a': 2\n\"\\x61\": 3\n")
    assert len(findings) == 2


def test_what_is_left_empty_is_found_at_its_key():
    _, findings = parse("a:\nb: {c: }\n")
    assert [(finding.loc, finding.place) for finding in findings] == [
        (("a",), Place(1, 1)),
        (("b", "c"), Place(2, 5)),
    ]


def test_a_null_that_is_written_out_is_found_at_its_value():
    _, findings = parse("a: null\nb: [~]\n")
    assert [finding.place for finding in findings] == [Place(1, 4), Place(2, 5)]


def test_quotes_make_a_text_of_everything():
    root, findings = parse("""{a: "no", b: '010', c: "1", d: "", e: "~"}""")
    assert plain(root) == {"a": "no", "b": "010", "c": "1", "d": "", "e": "~"}
    assert findings == []


def test_a_directive_for_yaml_1_2_is_taken():
    root, findings = parse("%YAML 1.2\n---\na: 1\n...\n")
    assert (plain(root), findings) == ({"a": 1}, [])


@pytest.mark.parametrize("text", ["%TAG ! !x\n---\na: 1\n", "%YAML 1.1\n---\na: 1\n"])
def test_other_directives_are_not(text):
    with pytest.raises(BadText, match="remove the directive"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["%YAML 1.3\n---\na: 1\n", '"\\UFFFFFFFF": 1', 'a: "\\U00110000"', "%YAML 2.0\n---\na: 1"]
)
def test_what_the_parser_itself_stumbles_over_is_refused(text):
    with pytest.raises(BadText):
        parse(text)


@pytest.mark.parametrize("text", ['a: "\\ud83d\\ude00"', '"\\ud83d": 1'])
def test_half_characters_are_refused(text):
    with pytest.raises(BadText, match="half a character"):
        parse(text)


def test_a_final_marker_ends_the_document():
    with pytest.raises(BadText, match="a second document"):
        parse("a: 1\n...\n---\nb: 1\n")


def test_depth_is_bounded_at_32_levels():
    parse("a: " + "[" * 31 + "1" + "]" * 31)
    with pytest.raises(BadText, match="32 levels"):
        parse("a: " + "[" * 32 + "1" + "]" * 32)


def test_deep_nesting_exhausts_no_stack():
    with pytest.raises(BadText):
        parse("a: " + "[" * 20_000)


def test_aliases_count_with_all_that_they_stand_for():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 6):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    parse("\n".join(lines[:5]))
    with pytest.raises(BadText, match="1000000 values"):
        parse("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &\n", "an anchor without a name"),
        ("a: *\n", "an alias without a name"),
        ("a: !<x y\n", "tags are not supported"),
        ("a: !x!y z\n", "tags are not supported"),
        ("a: 'x\n", "never closed"),
        ('a: "x\\q"\n', "in single quotes"),
        ("a: | x\n", "begins on the next line"),
        ("a: ]\n", "expected a value here"),
        ("a: {b: 1\nc: 2\n", "this bracket is never closed"),
        ("a: [1\n", "this bracket is never closed"),
        ("a: b: c\n", "in quotes"),
        ("*a : 1\n", "a key must be a word"),
    ],
)
def test_what_is_no_yaml_is_told_in_our_words(text, message):
    with pytest.raises(BadText, match=message):
        parse(text)


def test_no_message_quotes_the_text():
    for text in (
        "a: *hunter2\n",
        "a: &hunter2 [\n",
        "a: !hunter2!x y\n",
        "a: !<hunter2 y\n",
        "a: 'hunter2\n",
    ):
        with pytest.raises(BadText) as caught:
            parse(text)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_leaf_does_not_show_its_value():
    root, _ = parse("a: hunter2\n")
    leaf = find(root, ("a",)).node
    assert isinstance(leaf, Leaf)
    assert leaf.value == "hunter2"
    assert "hunter2" not in repr(root)


def test_windows_line_ends_are_line_ends():
    root, _ = parse(dedent("a: 1\nb: x\n").replace("\n", "\r\n"))
    assert find(root, ("b",)).node.place == Place(2, 4)
    assert plain(root) == {"a": 1, "b": "x"}
