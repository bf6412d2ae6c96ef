"""Why a text is not YAML, in plain words.

Rules: the parser's own messages may quote the text (`found undefined alias 'hunter2'`), so they are
recognised but never passed on.
"""

from __future__ import annotations

from typing import Any, Final

from ruamel.yaml.error import MarkedYAMLError

from gateway.config.problems import Place
from gateway.config.yaml import slips
from gateway.config.yaml.slips import Slip

_WORDS: Final = (
    (r"found character '\t'", "a tab where only spaces are allowed: write spaces"),
    (
        "that cannot start any token",
        "put text that begins with @, `, % or another indicator in quotes",
    ),
    (
        "mapping values are not allowed",
        "a second `key: ` in one value: write each on its own line; put text that contains `: ` in quotes",
    ),
    (
        "expected escape sequence",
        'an unknown escape in "..."; in single quotes a backslash is an ordinary character',
    ),
    (
        "unknown escape character",
        'an unknown escape in "..."; in single quotes a backslash is an ordinary character',
    ),
    ("unexpected end of stream", "this quote is never closed"),
    ("unexpected document separator", "this quote is never closed"),
    ("expected ',' or ']'", "expected `,` or `]`: commas separate the items of a list in brackets"),
    ("expected ',' or '}'", "expected `,` or `}`: commas separate the keys in braces"),
    ("chomping or indentation indicators", "put text that begins with > or | in quotes"),
    ("expected a comment or a line break", "after | or > the text begins on the next line"),
    ("expected the node content", "expected a value here"),
    ("tag handle", "tags are not supported; put text that begins with ! in quotes"),
)
_CONTEXTS: Final = (
    ("an anchor", "an anchor without a name; put text that begins with & in quotes"),
    ("an alias", "an alias without a name; put text that begins with * in quotes"),
    ("a tag", "tags are not supported; put text that begins with ! in quotes"),
    ("a directive", "only YAML 1.2 is supported: remove the line that begins with %"),
)


# Parser messages, and who examines the lines around: given where it stopped, and what it had begun before.
_FINDERS: Final = (
    ("could not find expected ':'", lambda lines, _, begun: slips.missing_colon(lines, begun)),
    ("mapping values are not allowed", lambda lines, found, _: slips.second_colon(lines, found)),
    ("expected <block end>", lambda lines, found, _: slips.misplaced(lines, found)),
    ("expected ',' or", slips.not_in_brackets),
    ("<document start>", lambda lines, found, _: slips.top_is_indented(lines, found)),
)


def explained(text: str, error: MarkedYAMLError) -> tuple[Place, str]:
    """Return where a text is not YAML, and why, without quoting it."""
    return _slip(slips.lines_of(text), error) or (_place(_where(error)), _in_plain_words(error))


def _slip(lines: list[str], error: MarkedYAMLError) -> Slip | None:
    """Look for the slip behind messages that do not point at it."""
    found, begun = _place(error.problem_mark), _place(error.context_mark)
    if found.line > len(lines):
        return None
    finders = (finder for start, finder in _FINDERS if start in (error.problem or ""))
    return next((finder(lines, found, begun) for finder in finders), None)


def _where(error: MarkedYAMLError) -> Any:
    """Return the mark to show: for a quote that is never closed, the one where it was opened."""
    is_open = "unexpected end of stream" in (error.problem or "")
    return error.context_mark if is_open else error.problem_mark or error.context_mark


def _in_plain_words(error: MarkedYAMLError) -> str:
    problem, context = error.problem or "", error.context or ""
    known = [words for start, words in _WORDS if start in problem]
    known += [words for start, words in _CONTEXTS if context.endswith(start)]
    return known[0] if known else "this is not YAML: the value here cannot be read"


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place()
