"""pydantic's errors in our words: what was expected, and what kind of value was found, never which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gateway.config.document.schema import keys_at, takes_text
from gateway.config.document.strays import is_within, stray_finding, strays_of
from gateway.config.problems import Loc, Mistake
from gateway.config.spelling import close_to
from gateway.config.tree import Items, Keys, Leaf, Node, Spot, find
from gateway.config.values.filled import NotFitting

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED: Final = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false, without quotes",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
}
_WITH_CONTEXT: Final = {
    "value_error": "{error}",
    "too_short": "the list is empty: write at least one item",
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
}
_OF_FILLED: Final = {"int_type": "expected a whole number", "bool_type": "expected true or false"}
_BOUNDS: Final = frozenset({"greater_than_equal", "less_than_equal"})
_MAPPINGS: Final = frozenset({"dict_type", "model_type"})
_QUOTABLE: Final = frozenset({"true or false", "a number"})
_NO_MERGING: Final = "merge keys are not supported: write the keys out"


def in_plain_words(errors: Iterable[ErrorDetails], root: Node) -> list[Mistake]:
    """Explain the errors of a validation; a misspelt or misplaced key is not reported as missing too."""
    there = list(errors)
    strays = strays_of(there, root)
    meant = {_meant(error["loc"]) for error in there if error["type"] == "extra_forbidden"} | set(strays)
    left = [one for one in there if not is_within(one["loc"], strays.values())]
    found = [_finding(one, root) for one in left if one["type"] != "missing" or one["loc"] not in meant]
    return found + [stray_finding(loc, stray) for loc, stray in strays.items()]


def _finding(error: ErrorDetails, root: Node) -> Mistake:
    kind, loc = error["type"], error["loc"]
    context = error.get("ctx", {})
    if loc and loc[-1] == "[key]":
        return Mistake(loc[:-1], str(context.get("error")), is_about_key=True)
    if kind == "missing":
        return Mistake(loc, "missing key: it is required", is_about_key=True)
    if kind == "extra_forbidden":
        return Mistake(loc, _unknown(loc), is_about_key=True)
    spot = find(root, loc)
    named = _references_at(spot)
    if kind in _WITH_CONTEXT:
        is_of_reference = kind in _BOUNDS or isinstance(context.get("error"), NotFitting)
        return Mistake(loc, (named if is_of_reference else "") + _WITH_CONTEXT[kind].format(**context))
    if named and kind in _OF_FILLED:
        return Mistake(loc, named + _OF_FILLED[kind])
    return Mistake(loc, _of_another_kind(kind, spot))


def _references_at(spot: Spot) -> str:
    """Name the references that gave a value, never what they gave."""
    template = spot.node.template if isinstance(spot.node, Leaf) else None
    return f"{' and '.join(map(str, template.references))}: " if template and template.references else ""


def _meant(loc: Loc) -> Loc:
    key = str(loc[-1])
    return (*loc[:-1], close_to(key, keys_at(loc[:-1])) or key)


def _unknown(loc: Loc) -> str:
    if loc[-1] == "<<":
        return _NO_MERGING
    known = keys_at(loc[:-1])
    key = str(loc[-1])
    if key.startswith("/") and "json" in known:
        return "unknown key: write JSON pointers below `json`"
    close = close_to(key, known)
    if close is None and len(loc) > 1 and isinstance(loc[-2], str) and key in keys_at(loc[:-2]):
        return f"unknown key: it belongs beside {loc[-2]}, not in it"
    expected = f", did you mean {close}?" if close else f"; expected one of {', '.join(known)}"
    return f"unknown key{expected}"


def _of_another_kind(kind: str, spot: Spot) -> str:
    expected = _EXPECTED.get(kind, "the value cannot be used here")
    if kind == "list_type" and takes_text(spot.loc):
        expected = "expected text or a list"
    found = _kind_of(spot.node)
    return f"{expected}, found {found}{_hint(kind, found)}"


def _hint(kind: str, found: str) -> str:
    if kind == "string_type" and found in _QUOTABLE:
        return ": put it in quotes if it is text"
    if kind == "list_type" and found == "a mapping":
        return ": begin each item of the list with `- `"
    if kind == "list_type" and found == "text":
        return ": write it as [...]"
    return ": write the keys without `- `" if kind in _MAPPINGS and found == "a list" else ""


def _kind_of(node: Node) -> str:
    match node:
        case Keys():
            return "a mapping"
        case Items():
            return "a list"
        case Leaf(value=bool()):
            return "true or false"
        case Leaf(value=int() | float()):
            return "a number"
        case Leaf():
            return "text"
