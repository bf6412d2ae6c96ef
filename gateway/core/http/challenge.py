"""What an upstream's challenges say: could a new access token help?

Rules (RFC 6750 section 3.1, RFC 9449 sections 7.1 and 9):

- No challenge at all, or none that can be parsed: yes. Legacy services respond with a bare 401.
- ``insufficient_scope`` in a token scheme: no. A new token of the same grant has the same scope.
- ``use_dpop_nonce`` or ``invalid_dpop_proof`` in a ``DPoP`` challenge: no. The proof was refused, not the
  token (RFC 9449 section 12.2).
- A token scheme (``Bearer``, ``DPoP``) with any other error, or without one: yes.
- Other schemes only (``Basic``, ``Token``): yes. Services that know several schemes often name only the
  first. One replay shows whether a new token helps, and `core.http.recovery` limits the rest.

The grammar is RFC 9110 section 11.6.1: one field may hold several challenges, commas separate both parameters
and challenges, and quoted strings may contain commas too. Parsing is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.core.dpop import USE_DPOP_NONCE

MAX_FIELDS: Final = 16
MAX_FIELD_BYTES: Final = 8 * 1024
# The errors of each token scheme that a new token does not cure.
_UNCURED: Final = {
    "bearer": frozenset({"insufficient_scope"}),
    "dpop": frozenset({"insufficient_scope", "invalid_dpop_proof", USE_DPOP_NONCE}),
}

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Each alternative begins with a character that no other accepts: no backtracking, so linear time.
_ELEMENT: Final = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?\Z))+', re.DOTALL)
_PARAMETER: Final = re.compile(
    rf'(?:(?P<scheme>{_TOKEN})[ \t]+)?(?P<name>{_TOKEN})[ \t]*=[ \t]*(?P<value>{_TOKEN}|"(?:[^"\\]|\\.)*")',
    re.DOTALL,
)
_SCHEME: Final = re.compile(rf"(?P<scheme>{_TOKEN})(?:[ \t]|\Z)")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge, with its scheme and parameter names in lower case; a ``token68`` is left out."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def wants_new_token(challenges: Sequence[bytes]) -> bool:
    """Whether another token may cure a refusal with these ``WWW-Authenticate`` values."""
    return not any(
        challenge.parameters.get("error") in _UNCURED.get(challenge.scheme, ())
        for challenge in read_challenges(challenges)
    )


def read_challenges(values: Sequence[bytes]) -> list[Challenge]:
    """Return the challenges in field values, in order; what cannot be parsed is left out."""
    challenges: list[Challenge] = []
    for value in values[:MAX_FIELDS]:
        challenges.extend(_read_field(value[:MAX_FIELD_BYTES].decode("latin-1")))
    return challenges


def _read_field(text: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    for element in _ELEMENT.findall(text):
        scheme, name, value = _piece(element.strip(" \t"))
        if scheme:
            challenges.append(Challenge(scheme))
        if name and challenges:
            challenges[-1].parameters.setdefault(name, value)
    return challenges


def _piece(element: str) -> tuple[str, str, str]:
    # (scheme, parameter name, parameter value), each empty if the element has none.
    parameter = _PARAMETER.fullmatch(element)
    if parameter is not None:
        scheme = parameter["scheme"] or ""
        return scheme.lower(), parameter["name"].lower(), _unquoted(parameter["value"])
    scheme_only = _SCHEME.match(element)
    return (scheme_only["scheme"].lower() if scheme_only else ""), "", ""


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
