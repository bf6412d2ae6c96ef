"""Why a text is no YAML, in plain words.

Rules: the parser's own words may quote the text (`found undefined alias 'hunter2'`), so they are only
recognised, never passed on.
"""

from __future__ import annotations

from typing import Any, Final

from ruamel.yaml.error import MarkedYAMLError

from gateway.config.problems import Place
from gateway.config.yaml import slips
from gateway.config.yaml.slips import Slip

_WORDS: Final = (
    (r"found character '\t'", "a tab where only spaces may stand: write spaces"),
    (
        "that cannot start any token",
        "text that begins with @, `, % or another indicator must stand in quotes",
    ),
    (
        "mapping values are not allowed",
        "a second `key: ` in one value: give each a line of its own; text that holds `: ` stands in quotes",
    ),
    (
        "expected escape sequence",
        'an unknown \\ in "..."; in single quotes a backslash is an ordinary character',
    ),
    (
        "unknown escape character",
        'an unknown \\ in "..."; in single quotes a backslash is an ordinary character',
    ),
    ("unexpected end of stream", "the quote that is opened here is never closed"),
    ("unexpected document separator", "the quote that is opened here is never closed"),
    ("expected ',' or ']'", "expected `,` or `]`: a comma stands between two items of a list in brackets"),
    ("expected ',' or '}'", "expected `,` or `}`: a comma stands between two keys in braces"),
    ("chomping or indentation indicators", "text that begins with > or | must stand in quotes"),
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


# What the parser says, and who looks at the lines around: where it was found, and what was begun before.
_FINDERS: Final = (
    ("could not find expected ':'", lambda lines, _, begun: slips.missing_colon(lines, begun)),
    ("mapping values are not allowed", lambda lines, found, _: slips.second_colon(lines, found)),
    ("expected <block end>", lambda lines, found, _: slips.misplaced(lines, found)),
    ("expected ',' or", slips.not_in_brackets),
    ("<document start>", lambda lines, found, _: slips.top_is_indented(lines, found)),
)


def explained(text: str, error: MarkedYAMLError) -> tuple[Place, str]:
    """Say where a text is no YAML, and why, without a word of it."""
    return _slip(slips.lines_of(text), error) or (_place(_where(error)), _in_plain_words(error))


def _slip(lines: list[str], error: MarkedYAMLError) -> Slip | None:
    """Look for what was meant, where the parser's words leave that open."""
    found, begun = _place(error.problem_mark), _place(error.context_mark)
    if found.line > len(lines):
        return None
    finders = (finder for start, finder in _FINDERS if start in (error.problem or ""))
    return next((finder(lines, found, begun) for finder in finders), None)


def _where(error: MarkedYAMLError) -> Any:
    """Give the mark to show: of a quote that is never closed, where it was opened."""
    is_open = "unexpected end of stream" in (error.problem or "")
    return error.context_mark if is_open else error.problem_mark or error.context_mark


def _in_plain_words(error: MarkedYAMLError) -> str:
    problem, context = error.problem or "", error.context or ""
    known = [words for start, words in _WORDS if start in problem]
    known += [words for start, words in _CONTEXTS if context.endswith(start)]
    return known[0] if known else "this is not YAML: a value here cannot be read"


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place()
