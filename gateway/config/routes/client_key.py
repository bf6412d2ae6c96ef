"""The key `client` of a route: a name, or names by who calls, as ``{by: caller, acme: crm-acme}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema

from gateway.config.problems import Wrong
from gateway.config.values import patterns
from gateway.core.tenants import is_selector
from gateway.core.text import plain_text

_EXPECTED: Final = "expected the name of a client, or names by who calls: {by: caller, acme: crm-acme}"
_BY: Final = "expected by: caller, caller.way or caller.claims.NAME, which says what of the caller selects"
_NONE: Final = "none"
_TEXT: Final = {"type": "string", "pattern": patterns.TEXT}


@dataclass(frozen=True, slots=True)
class ClientsByCaller:
    """Which client's token is injected, by who calls.

    Attributes:
        by: what of the caller selects.
        clients: names of clients by its value.
        default: for all others; None: none, so they are refused.
    """

    by: str
    clients: tuple[tuple[str, str], ...]
    default: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The clients, once each."""
        return tuple(dict.fromkeys((*(name for _, name in self.clients), *filter(None, (self.default,)))))


def client_key(value: object) -> str | ClientsByCaller:
    """Read the key.

    Raises:
        Wrong: it is neither a name nor names by who calls.
    """
    if isinstance(value, str):
        return plain_text.text(value)
    if not isinstance(value, Mapping):
        raise Wrong(_EXPECTED)
    by, default = value.get("by"), value.get("default", _NONE)
    if not isinstance(by, str) or not is_selector(by):
        raise Wrong(_BY)
    clients = {key: name for key, name in value.items() if key not in ("by", "default")}
    if not clients or not all(isinstance(name, str) and name for name in (default, *clients.values())):
        raise Wrong(_EXPECTED)
    return ClientsByCaller(by, tuple(clients.items()), None if default == _NONE else default)


RouteClient = Annotated[
    str | ClientsByCaller,
    PlainValidator(client_key),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXT,
                {
                    "type": "object",
                    "properties": {
                        "by": {**_TEXT, "description": "What of the caller selects the client."},
                        "default": {**_TEXT, "description": "The client for all others.", "default": _NONE},
                    },
                    "required": ["by"],
                    "additionalProperties": _TEXT,
                },
            ]
        }
    ),
]
