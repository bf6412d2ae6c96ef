"""Pick a text out of an answer, whatever its shape, from the place that `core.settings.whereabouts` names.

Rules:

- A pick yields a text that is not empty, or says what was there instead: types and names, never a value. It
  never raises an exception.
- Names that another server chose are shown only if they look like names (`shown_names`). A body that is not
  what the pick expects may be the secret itself, so no part of it is shown.
- A page is searched up to `MOST_PAGE_CHARS`, and tags up to a length: the time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Final, assert_never
from urllib.parse import unquote_plus

from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.set_cookie import cookies_set
from gateway.core.settings.whereabouts import (
    FromBody,
    FromCookie,
    FromField,
    FromForm,
    FromJson,
    FromLine,
    FromPage,
    Pick,
)
from gateway.core.text.http_time import read_http_date
from gateway.core.text.json_object import finite_number, read_json
from gateway.core.text.json_pointer import Astray, JsonPointer, described, follow, shown_names

MOST_PAGE_CHARS: Final = 256 * 1024

_TAG: Final = re.compile(r"<(?:input|meta)\b([^<>]{1,2000})>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"""([a-zA-Z-]{1,40})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'=]+))""")
_NAME_END: Final = re.compile("[=:]")


@dataclass(frozen=True, slots=True)
class Picked:
    """The text that was found; not empty."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotPicked:
    """Nothing was found.

    Attributes:
        pick: what was looked for.
        instead: a clause that says what was there instead, with names that another server chose.
    """

    pick: Pick
    instead: str

    def __str__(self) -> str:
        return f"{self.pick} was not found: {self.instead}"


@dataclass(frozen=True, slots=True)
class NotMet:
    """A condition on the answer does not hold.

    Attributes:
        instead: a clause that says what stands there instead, with names that another server chose.
    """

    instead: str

    def __str__(self) -> str:
        return f"success: {self.instead}"


def pick_text(pick: Pick, answer: ServerAnswer) -> Picked | NotPicked:
    """Return the text in `answer` that `pick` leads to."""
    found, instead = _searched(pick, answer)
    return Picked(found) if found else NotPicked(pick, instead)


def _searched(pick: Pick, answer: ServerAnswer) -> tuple[str, str]:
    """Return what was found, or an empty text and what was there instead."""
    match pick:
        case FromJson():
            return _in_json(pick.pointer, answer)
        case FromField():
            names = _shown(answer.fields, "no header fields")
            return answer.header(pick.name.lower()).strip(), f"the answer has {names}"
        case FromCookie():
            return _in_cookies(pick.name, answer)
        case FromForm() | FromLine() | FromPage():
            return _in_text(pick, _text(answer))
        case FromBody():
            return _text(answer).strip(), "the body is empty"
        case _:
            assert_never(pick)


def _in_text(pick: FromForm | FromLine | FromPage, text: str) -> tuple[str, str]:
    match pick:
        case FromForm():
            known, none = dict(_form_fields(text)), "no form fields"
        case FromLine():
            known, none = dict(_lines(text)), "no named lines"
        case FromPage():
            known, none = dict(_inputs(text)), "no inputs"
    return known.get(pick.name, ""), f"the body has {_shown(known, none)}"


def _in_json(pointer: JsonPointer, answer: ServerAnswer) -> tuple[str, str]:
    document = read_json(answer.body)
    if document is None:
        return "", "the body is not JSON" if answer.body else "the body is empty"
    found = follow(pointer, document.value)
    if isinstance(found, Astray):
        return "", str(found)
    value, where = found.value, str(pointer) or "the document"
    if isinstance(value, str):
        return value, f"{where} is an empty text"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), ""
    return "" if finite_number(value) is None else repr(value), f"{where} is {described(value)}"


def _in_cookies(name: str, answer: ServerAnswer) -> tuple[str, str]:
    # Without a Date, only what expired before 1970 counts as removed: that is what servers write.
    cookies = cookies_set(answer.set_cookies, read_http_date(answer.header("date")) or 0.0)
    found = cookies.get(name)
    if found is not None:
        return found.value, ""
    return "", f"the answer sets {_shown(cookies, 'no cookie')}"


def _shown(known: Collection[str], none: str) -> str:
    return shown_names(known) if known else none


def _form_fields(text: str) -> Iterator[tuple[str, str]]:
    for part in text.strip().split("&"):
        name, _, value = part.partition("=")
        if value.strip("="):  # otherwise it may be a token in base64, which must not pass for a name
            yield unquote_plus(name), unquote_plus(value)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = _NAME_END.sub("\n", line, count=1).partition("\n")
        if value.strip("= \t"):
            yield name.strip(), value.strip()


def _inputs(text: str) -> Iterator[tuple[str, str]]:
    for tag in _TAG.finditer(text[:MOST_PAGE_CHARS]):
        attributes = {
            each[1].lower(): unescape(each[2] or each[3] or each[4] or "")
            for each in _ATTRIBUTE.finditer(tag[1])
        }
        value = attributes.get("value") or attributes.get("content")
        if value and "name" in attributes:
            yield attributes["name"], value


def _text(answer: ServerAnswer) -> str:
    return answer.body.decode("utf-8-sig", "replace")
