"""Patterns of the JSON Schema: an editor underlines text that does not match.

Rules:

- A pattern is never narrower than its reader (in `hosts`, `urls`, `names`), so that no valid text is
  underlined. It is often wider, since a pattern cannot count or look things up.
- The dialect is what ECMA-262 and Python have in common.
- A text with references may become anything, so only the references are checked.
"""

from __future__ import annotations

from typing import Final

_REFERENCE: Final = (
    r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(?::-[^{}\r\n]*)?\}|\$\{file:[^{}\r\n~][^{}\r\n]*\}"
    r"|\$\{credential:[A-Za-z0-9_.-]+\}|\$\{taken:[A-Za-z_][A-Za-z0-9_-]*\}"
)
_UNFILLED: Final = r"(?!\$[A-Z_][A-Z0-9_]{2,}$)(?!%[A-Z_][A-Z0-9_]{2,}%$)(?!\{\{[\s\S]*\}\}$)"
"""The same rule as `core.text.secret_shape.is_unfilled`."""

TEXT: Final = rf"^{_UNFILLED}(?:{_REFERENCE}|\$\$\{{|\$(?!\{{)|[^$])+$"
REFERENCES: Final = rf"^(?=[\s\S]*\$\{{)(?:{_REFERENCE}|\$\$\{{|\$(?!\{{)|[^$])+$"

_HTTP: Final = r"[hH][tT][tT][pP][sS]?://[^\s/?#@\\]+"
_PORT: Final = r"[0-9]{1,5}"
_HOST: Final = r"[A-Za-z0-9_.-]+"
_IPV6: Final = r"\[[0-9A-Fa-f:.]+\]"

ADDRESS: Final = rf"unix:/.+|(?:{_HOST}|{_IPV6}):{_PORT}"
ADMIN: Final = rf"off|{ADDRESS}"
MODE: Final = "0?[0-7]{3}"
TRUSTED: Final = r"unix|[0-9A-Fa-f:.]+(?:/[0-9.]+)?"
NETWORK: Final = r"[0-9A-Fa-f:.]+(?:/[0-9.]+)?"
HOST: Final = rf"(?:\*\.)?{_HOST}|{_IPV6}"
HOST_NAME: Final = _HOST
PATH: Final = r"/[^\s?#\\]*"
CHECK_PATH: Final = r"/[^\s#\\]*"
GROUP_ADDRESS: Final = rf"{_HTTP}(?:/[^\s?#\\]*)?|unix:/.+"
SERVICE_NAME: Final = rf"(?:{_HOST}|{_IPV6})(?::{_PORT})?"
UPSTREAM: Final = (
    rf"(?:{_HTTP}|\{{token\.[A-Za-z0-9_-]+\}})(?:/[^\s?#\\]*)?|unix:/.+|[A-Za-z0-9_][A-Za-z0-9_-]*"
)
INSTANCE: Final = rf"https://(?:\*\.)?{_HOST}(?::{_PORT})?/?"
ENDPOINT: Final = rf"{_HTTP}(?:[/?][^\s#\\]*)?"
ISSUER: Final = rf"{_HTTP}(?:/[^\s?#\\]*)?"
PROXY: Final = rf"http://\S+:{_PORT}/?"
EXEMPT: Final = rf"(?:\*?\.)?{_HOST}(?::{_PORT})?|{_IPV6}(?::{_PORT})?|[0-9a-fA-F.:]+(?:/[0-9]{{1,3}})?"
ACCESS_LOG: Final = r"stdout|stderr|off|/.*"
GRANT_TYPE: Final = r"[A-Za-z0-9._-]+|[A-Za-z][A-Za-z0-9+.-]*:\S+"
METHOD: Final = r"(?!CONNECT$|TRACE$)[!#$%&'*+.^_`|~0-9A-Z-]+"
POINTER: Final = r"(?:/(?:[^~/]|~[01])*)*"
ORIGIN: Final = r"\*|https?://[^\s/?#@\\]+"
RESOURCE: Final = r"[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+"


def or_references(syntax: str) -> str:
    """Return a pattern for a text with this syntax, or with references."""
    return rf"^(?:{syntax})$|{REFERENCES}"
