"""Common slips in YAML written by hand: where the text stopped being YAML, and what was meant.

A parser stops where it cannot go on, which is rarely where the mistake is: it notices a missing space after a
colon one line later, and a key indented too far at that key's colon. So the lines around are examined.

Rules: no message quotes the file, which may contain secrets. Lines count from 0 here, places from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.config.document.schema import all_keys
from gateway.config.problems import Place, any_of
from gateway.config.values.scalars import ODD_SPACES

Slip = tuple[Place, str]

_INDENT: Final = re.compile(r" *")
_KEY: Final = r"""(?P<start>\s*(?:- +)*)(?P<key>"[^"]*"|'[^']*'|[A-Za-z_][\w.-]*)"""
_HAS_VALUE: Final = re.compile(r":[ \t]+[^\s#]")
_IPV6: Final = re.compile(r"\[(?=[^\]]*:[^\]]*:)[0-9A-Fa-f:.%]+\]")
_OPENING: Final = re.compile(r"[\[{]")
_CLOSING: Final = re.compile(r"[\]}]")
_ITEM: Final = re.compile(r"- +")
_NO_PAIR: Final = "expected `key: value`; put text of several lines in quotes or, indented, below `key: |`"

_IN_A_LINE: Final = (
    (re.compile(r"(?P<at>)(<{7}|={7}|>{7})( |$)"), "a merge conflict marker: resolve the conflict"),
    (
        re.compile(rf"[^#'\"]*?(^|[\s:])(?P<at>[{ODD_SPACES}])"),
        "a character that only looks like a space, such as U+00A0: type an ordinary space",
    ),
    (
        re.compile("\\s*(?P<at>[\u2010-\u2015\u2212])\\s"),
        "a typographic dash: write an ordinary -",
    ),
    (re.compile(r"\s*(?P<at>)-[^\s-]"), "a space is missing after the dash"),
    (re.compile(rf"{_KEY}\s*(?P<at>=)"), "write `key: value`, with a colon"),
    (
        re.compile(rf"(?!\s*(- +)*(https?|unix):/){_KEY}(?P<at>):[^\s]"),
        "a space is missing after the colon: `key: value`",
    ),
)


def lines_of(text: str) -> list[str]:
    """Split a text where the parser counts lines."""
    return re.split("\r\n|[\r\n\x85\u2028\u2029]", text)


def is_joined(key: str) -> bool:
    """Return whether a key looks like a key and a value without a space between them."""
    return re.match(r"(?!(https?|unix):/)[A-Za-z_][\w.-]*:.", key) is not None


def missing_colon(lines: Sequence[str], begun: Place) -> Slip:
    """Explain a line in which no ``key: value`` was found."""
    number = begun.line - 1
    before = _before(lines, number)
    if before is not None and "-----BEGIN " in lines[before]:
        return Place(before + 1, lines[before].index("-----BEGIN ") + 1), _NO_PAIR
    return slip_in(lines, number) or (_start(lines, number), _NO_PAIR)


def second_colon(lines: Sequence[str], found: Place) -> Slip | None:
    """Explain a value that contains another ``key: value``; None if the line itself is wrong."""
    number = found.line - 1
    before = _before(lines, number)
    if before is None or re.search(r":\s", lines[number][: found.column - 1]):
        return None
    if (slip := slip_in(lines, before)) is not None:
        return slip
    if not _HAS_VALUE.search(lines[before]):
        return _start(lines, before), _NO_PAIR
    words = f"indented too far: this would continue the value of line {before + 1}; align the two lines"
    return _start(lines, number), words


def misplaced(lines: Sequence[str], found: Place) -> Slip:
    """Explain something in a place where neither a key nor an item can be."""
    number, column = found.line - 1, found.column - 1
    line = lines[number]
    if line[:column].strip(" -"):
        return _behind_a_value(lines, found)
    is_item = line[column : column + 2] in ("-", "- ")
    keys, dashes = _columns_above(lines, number)
    columns = dashes if is_item else keys
    if is_item and not dashes:
        return found, "a list item among keys: remove the `- `"
    if column in columns or not columns:
        return found, "unexpected here: check the indentation"
    what = "the dash with those" if is_item else "this with the keys"
    where = f"{what} that begin in column {any_of([str(one + 1) for one in columns])}"
    return found, f"the indentation matches nothing above: align {where}"


def not_in_brackets(lines: Sequence[str], found: Place, begun: Place) -> Slip | None:
    """Explain what is wrong inside brackets; None if the parser points at it."""
    before = Place(found.line, found.column - 1)
    if lines[found.line - 1][before.column - 1 : found.column] == "${":
        return before, "put references in quotes inside [...] and {...}: '${env:NAME}'"
    rest = [lines[begun.line - 1][begun.column - 1 :], *lines[begun.line :]]
    if sum(len(_OPENING.findall(one)) - len(_CLOSING.findall(one)) for one in rest) > 0:
        return begun, "this bracket is never closed"
    return None


def top_is_indented(lines: Sequence[str], found: Place) -> Slip | None:
    """Report a first key that is indented further than the others; None if it is not."""
    first = next(_significant(lines, range(found.line - 1)), None)
    if first is None or not _indent(lines[first]):
        return None
    words = f"indented, unlike line {found.line}: top-level keys begin in column 1"
    return _start(lines, first), words


def slip_in(lines: Sequence[str], number: int) -> Slip | None:
    """Find a slip in one line by itself."""
    line = lines[number]
    for pattern, message in _IN_A_LINE:
        if found := pattern.match(line):
            return Place(number + 1, found.start("at") + 1), message
    found = re.match(rf"{_KEY}(?P<at>)(\s+[^\s:]|\s*$)", line)
    if found and (found["key"] in all_keys() or _is_bare_key(lines, number, found.end("key"))):
        return Place(number + 1, found.start("at") + 1), "a colon is missing after the key: `key: value`"
    return None


def _is_bare_key(lines: Sequence[str], number: int, end: int) -> bool:
    """Return whether the line is a single word that does not continue a text above."""
    before = _before(lines, number)
    is_continued = before is not None and _HAS_VALUE.search(lines[before])
    return not lines[number][end:].strip() and not is_continued


def _behind_a_value(lines: Sequence[str], found: Place) -> Slip:
    line = lines[found.line - 1]
    before = line[: found.column - 1].rstrip()
    value = re.split(r":\s+|-\s+", before, maxsplit=1)[-1]
    if _IPV6.fullmatch(value):
        address = Place(found.line, before.rfind(value) + 1)
        return address, "put an IPv6 address with brackets in quotes: '[::1]:8080'"
    if before.endswith(("'", '"')):
        return _behind_a_quote(lines, found, before[-1])
    if line[found.column - 1 : found.column] in ("]", "}"):
        return found, "this bracket was never opened"
    return found, "text continues after the bracket that closes the value: put all of it in quotes"


def _behind_a_quote(lines: Sequence[str], found: Place, quote: str) -> Slip:
    number = found.line - 1
    if lines[number][: found.column - 1].count(quote) % 2:
        above = range(number - 1, -1, -1)
        opened = next((one for one in above if lines[one].count(quote) % 2), number)
        place = Place(opened + 1, lines[opened].rfind(quote) + 1)
        return place, "this quote is never closed"
    inside = "'' for a ' inside '...'" if quote == "'" else r'\" for a " inside "..."'
    return found, f"text continues after the closing quote: write {inside}"


def _columns_above(lines: Sequence[str], number: int) -> tuple[list[int], list[int]]:
    """Return the columns of the keys, and of the dashes, that this line could be aligned with."""
    keys: set[int] = set()
    dashes: set[int] = set()
    lowest = max(map(len, lines)) + 1
    for above in _significant(lines, range(number - 1, -1, -1)):
        items, key = _starts(lines[above])
        keys |= {key} if key < lowest else set()
        dashes |= {at for at in items if at < lowest}
        lowest = min(lowest, *items, key)
        if not lowest:
            break
    return sorted(keys, reverse=True), sorted(dashes, reverse=True)


def _starts(line: str) -> tuple[list[int], int]:
    """Return the columns of a line's dashes, and of the key after them."""
    end, items = _indent(line), []
    while found := _ITEM.match(line, end):
        items.append(end)
        end = found.end()
    return items, end


def _before(lines: Sequence[str], number: int) -> int | None:
    """Return the line before, ignoring empty lines and comments."""
    return next(_significant(lines, range(number - 1, -1, -1)), None)


def _significant(lines: Sequence[str], numbers: range) -> Iterator[int]:
    return (one for one in numbers if lines[one].strip() and not lines[one].lstrip().startswith("#"))


def _indent(line: str) -> int:
    found = _INDENT.match(line)
    return found.end() if found else 0


def _start(lines: Sequence[str], number: int) -> Place:
    return Place(number + 1, _indent(lines[number]) + 1)
