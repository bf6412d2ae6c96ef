"""What an unquoted word means: the core schema of YAML 1.2.2 (section 10.3.2), and where 1.1 differs.

Rules: words such as `no`, `010`, `1_000` and `12:30`, which YAML 1.1 reads differently, are refused; except
that `off` is a word where it is a value of ours, and those places take words only.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.config.problems import Loc
from gateway.config.tree import Scalar
from gateway.config.values.hosts import MODE_IN_QUOTES

SAY_OFF: Final[frozenset[Loc]] = frozenset({("admin",), ("log", "access")})
NOTHING: Final = "the value is missing: write one, indent what belongs to it further, or remove the key"

ODD_SPACES: Final = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
"""Characters that look like a space or like nothing, common in pasted text; for use inside ``[...]``."""

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,16}")
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)

_ODD: Final = (
    (
        re.compile(r"(?i)y|yes|on"),
        "true in YAML 1.1, text in YAML 1.2: write true, or put it in quotes",
    ),
    (
        re.compile(r"(?i)n|no|off"),
        "false in YAML 1.1, text in YAML 1.2: write false, or put it in quotes",
    ),
    (
        re.compile(r"[-+]?0[0-9_]+"),
        "octal in YAML 1.1, decimal in YAML 1.2: write it without leading zeros, or in quotes if it is text",
    ),
    (
        re.compile(r"[-+]?(0[bxo])?[0-9][0-9a-fA-F]*(_[0-9a-fA-F_]*)+(\.[0-9_]*)?"),
        "a number in YAML 1.1, text in YAML 1.2: write it without underscores, or in quotes if it is text",
    ),
    (
        re.compile(r"[-+]?0b[01]+"),
        "a binary number in YAML 1.1, text in YAML 1.2: write it in decimal, or in quotes if it is text",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
        "a base-60 number in YAML 1.1, text in YAML 1.2: put it in quotes",
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"),
        "a date in YAML 1.1, text in YAML 1.2: put it in quotes",
    ),
    (
        re.compile("[\u201c-\u201f\u2018-\u201b\u00ab\u00bb].*", re.DOTALL),
        "a typographic quotation mark is part of the text: write an ordinary \" or '",
    ),
    (
        re.compile(f"[{ODD_SPACES}].*|.*[{ODD_SPACES}]", re.DOTALL),
        "a character that only looks like a space is part of the text: remove it",
    ),
)


def scalar(text: str) -> Scalar:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if _is_float(text) else text


def why_odd(text: str, loc: Loc = ()) -> str | None:
    """Return why an unquoted scalar is refused, or None; YAML 1.1 would read it differently."""
    odd = next((message for pattern, message in _ODD if pattern.fullmatch(text)), None)
    is_mode = loc[:1] == ("listen",) and loc[-1] == "mode" and text[:1].isdigit()
    return MODE_IN_QUOTES if odd is not None and is_mode else odd


def _is_float(text: str) -> bool:
    return _FLOAT.fullmatch(text) is not None
