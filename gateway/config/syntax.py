"""Why a text is no YAML, in plain words.

Rules: the parser's own words may quote the text (`found undefined alias 'hunter2'`), so they are only
recognised, never passed on.
"""

from __future__ import annotations

from typing import Any, Final

from ruamel.yaml.error import MarkedYAMLError

_WORDS: Final = (
    (r"found character '\t'", "a tab where only spaces may stand: indent with spaces"),
    (
        "that cannot start any token",
        "text that begins with @, `, % or another indicator must stand in quotes",
    ),
    (
        "mapping values are not allowed",
        "a second `key:` in one value; text that holds `: ` must stand in quotes",
    ),
    (
        "unknown escape character",
        'an unknown \\ in "..."; in single quotes a backslash is an ordinary character',
    ),
    ("unexpected end of stream", "the quote that is opened here is never closed"),
    ("unexpected document separator", "the quote that is opened here is never closed"),
    ("expected ',' or ']'", "expected `,` or `]`: the list in brackets is not closed"),
    ("expected ',' or '}'", "expected `,` or `}`: the mapping in braces is not closed"),
    (
        "expected <block end>",
        "does not belong here: look at the indentation; addresses in brackets need quotes",
    ),
    ("could not find expected ':'", "expected `key: value`"),
    ("expected a comment or a line break", "after | or > the text begins in the next line"),
    ("expected the node content", "expected a value here"),
    ("tag handle", "tags are not supported; text that begins with ! must stand in quotes"),
)
_CONTEXTS: Final = (
    ("an anchor", "an anchor without a name; text that begins with & must stand in quotes"),
    ("an alias", "an alias without a name; text that begins with * must stand in quotes"),
    ("a tag", "tags are not supported; text that begins with ! must stand in quotes"),
    ("a directive", "only YAML 1.2 is read: remove the line that begins with %"),
)


def where(error: MarkedYAMLError) -> Any:
    """Give the mark to show: of a quote that is never closed, where it was opened."""
    is_open = "unexpected end of stream" in (error.problem or "")
    return error.context_mark if is_open else error.problem_mark or error.context_mark


def in_plain_words(error: MarkedYAMLError) -> str:
    """Say what is wrong with the syntax, without a word of the file."""
    problem, context = error.problem or "", error.context or ""
    known = [words for start, words in _WORDS if start in problem]
    known += [words for start, words in _CONTEXTS if context.endswith(start)]
    return known[0] if known else "this is not YAML: a value here cannot be read"
