from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.problems import Wrong
from gateway.config.template import Environment, File, Template, read_template


def fill(text: str) -> str:
    return read_template(text).fill(lambda reference: f"<{shown(reference)}>")


def shown(reference) -> str:
    if isinstance(reference, File):
        return reference.path
    return reference.name if reference.default is None else f"{reference.name} or {reference.default}"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$", "$"),
        ("$$", "$$"),
        ("a$b{c}", "a$b{c}"),
        ("${env:A}", "<A>"),
        ("a${env:A_1}b${file:/x y}c", "a<A_1>b</x y>c"),
        ("${env:A}${env:A}", "<A><A>"),
        ("$${env:A}", "${env:A}"),
        ("$$${env:A}", "$${env:A}"),
        ("$${", "${"),
        ("}${env:A}}", "}<A>}"),
        ("${file:secrets/crm}", "<secrets/crm>"),
        ("${taken:csrf-token}/${env:A}", "${taken:csrf-token}/<A>"),
        ("${env:A:-b c:-d$e}f", "<A or b c:-d$e>f"),
        ("${env:A:-}", "<A or >"),
        ("${file:a:-b}", "<a:-b>"),
        ("$${env:A:-${env:B}", "${env:A:-<B>"),
    ],
)
def test_references_are_filled_in_and_everything_else_stays(text, filled):
    assert fill(text) == filled


@pytest.mark.parametrize(
    "text",
    [
        "${",
        "${}",
        "${A}",
        "${env}",
        "${env:}",
        "${env:1A}",
        "${env:A-B}",
        "${env:É}",
        "${ENV:A}",
        "${file:}",
        "${file: }",
        "${env:A",
        "${env: A}",
        "${env:${env:A}}",
        "${file:a\nb}",
        "${vault:a}",
        "${env:A-b}",
        "${env:A:b}",
        "${env::-b}",
        "${env:A:-b",
        "${env:A:-{b}}",
        "${env:A:-b\nc}",
    ],
)
def test_anything_else_after_dollar_and_brace_is_wrong(text):
    with pytest.raises(Wrong, match=r"write \$\$\{ for a literal"):
        read_template(text)


@pytest.mark.parametrize("text", ["${env:A:-${env:B}}", "${env:A:-b-${file:c}}", "a${env:A:-$${}}"])
def test_a_default_holds_no_reference(text):
    with pytest.raises(Wrong, match="a default is plain text"):
        read_template(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("${env:A:-b}", True), ("${env:A}${env:B:-b}", True), ("${env:A}", False), ("a${env:A:-}", False)],
)
def test_a_default_is_a_text_that_is_written_in_the_file(text, expected):
    assert read_template(text).has_default is expected


def test_a_reference_is_named_as_it_is_written_without_its_default():
    references = read_template("${env:A:-hunter2}${file:/b}${credential:c}").references
    assert "".join(map(str, references)) == "${env:A}${file:/b}${credential:c}"
    assert "hunter2" not in repr(references)


def test_what_a_reference_gives_is_not_looked_into_again():
    assert read_template("${env:A}").fill(lambda _: "${env:B}") == "${env:B}"


def test_references_are_given_in_order():
    template = read_template("a${file:f}${env:A}${file:g}")
    assert template.references == (File("f"), Environment("A"), File("g"))
    assert template.files == (File("f"), File("g"))


def test_a_template_shows_nothing_of_its_text():
    assert "hunter2" not in repr(read_template("hunter2${env:A}"))


@given(st.text())
def test_escaping_makes_any_text_stand_for_itself(text):
    # A dollar before the braces would pair with the escape's own.
    escaped = text.replace("${", "$${")
    if "$${" not in text:
        assert fill(escaped) == text


@given(
    st.lists(st.one_of(st.text(alphabet="ab{}", max_size=3), st.sampled_from([Environment("A"), File("/f")])))
)
def test_what_is_put_together_comes_apart_again(parts):
    text = "".join(
        part if isinstance(part, str) else "${env:A}" if isinstance(part, Environment) else "${file:/f}"
        for part in parts
    )
    merged: list[object] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    assert read_template(text) == Template(tuple(merged))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["${taken:}", "${taken:1a}", "${taken:a b}", "${taken:" + "a" * 65 + "}"])
def test_what_is_taken_in_a_login_has_a_name(text):
    with pytest.raises(Wrong, match=r"expected \$\{taken:NAME\}"):
        read_template(text)


def test_what_is_taken_in_a_login_is_no_reference():
    template = read_template("${taken:csrf} ${env:A}")

    assert (template.taken, template.references) == (("csrf",), (Environment("A"),))
